import type { Fault } from '../../testing/upstream/fault-response.ts';
import { CODES } from '../support/frames.ts';
import { GARBAGE, type Garbage } from './garbage.ts';
import { offsetsOf, type Subject } from './subject.ts';

/** The faults of a response's body. */
export const FAULTS = ['fin', 'rst', 'stall', 'garbage', 'eof'] as const;

/** Those over HTTP/2. A stream can be reset alone. */
export const HTTP2_FAULTS = [...FAULTS, 'reset'] as const;

/** One of {@link HTTP2_FAULTS}. */
export type FaultKind = (typeof HTTP2_FAULTS)[number];

/** What ends an execution that stalls: the caller's signal, the consumer, or a middleware with a timeout. */
export type Rescue = 'signal' | 'close' | 'timeout';

const RESCUES: readonly Rescue[] = ['signal', 'close', 'timeout'];

/** One execution of the matrix. */
export interface Cell {
  readonly kind: FaultKind;
  readonly offset: number;
  readonly rescue: Rescue;
  readonly garbage: Garbage;
  /** The code of a reset. */
  readonly code: number;
  /** What happens after the garbage. */
  readonly then: 'continue' | 'eof';
}

/** The offset that stands for a fault at the headers. */
const AT_HEADERS = -1;

/** A clean end of the body does not break the connection, so that every fifth offset is enough. */
const EOF_STEP = 5;

/** All cells of one fault. Kinds of garbage, and ways to end a stall, alternate over the offsets. */
export function cellsOf(subject: Subject, kind: FaultKind, tail: number): Cell[] {
  const offsets = offsetsOf(subject, tail);
  if (kind !== 'garbage' && kind !== 'eof') offsets.unshift(AT_HEADERS);
  const chosen = kind === 'eof' ? offsets.filter((offset) => offset % EOF_STEP === 0) : offsets;
  return chosen.map((offset) => ({
    kind,
    offset,
    rescue: RESCUES[offset % RESCUES.length] ?? 'signal',
    garbage: garbageAt(Math.max(offset, 0)),
    code: (offset - AT_HEADERS) % CODES.length,
    then: Math.floor(offset / GARBAGE.length) % 2 === 0 ? 'continue' : 'eof',
  }));
}

function garbageAt(offset: number): Garbage {
  const garbage = GARBAGE[offset % GARBAGE.length];
  if (garbage === undefined) throw new Error('There is no garbage.');
  return garbage;
}

/** The fault of a cell. */
export function faultOf({ kind, offset, garbage, code, then }: Cell): Fault {
  const at = offset === AT_HEADERS ? 'headers' : { byte: offset };
  if (kind === 'garbage') return { kind, at, data: garbage.bytes, then };
  return kind === 'reset' ? { kind, at, code } : { kind, at };
}

/** Whether a cell's reply is complete, because the end, or on some wires a finish reason, was sent before the fault. */
export function isComplete({ finishedAt, terminalAt }: Subject, { kind, offset, code }: Cell): boolean {
  // A stream that is reset without an error may be taken for one that has ended.
  const endsCleanly = kind === 'eof' || (kind === 'reset' && code === 0);
  return offset >= (endsCleanly ? finishedAt : terminalAt);
}

/** Describes a cell. */
export function nameOf({ kind, offset, rescue, garbage, code, then }: Cell): string {
  const where = offset === AT_HEADERS ? 'instead of the headers' : `at byte ${offset}`;
  if (kind === 'stall') return `stall ${where}, ended by ${rescue}`;
  if (kind === 'reset') return `reset ${where} with ${CODES[code]}`;
  return kind === 'garbage' ? `${garbage.name} ${where}, then ${then}` : `${kind} ${where}`;
}
