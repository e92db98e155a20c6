import type { Fault } from '../../testing/upstream/fault-response.ts';
import { GARBAGE, type Garbage } from './garbage.ts';
import { offsetsOf, type Subject } from './subject.ts';

/** What may happen to a body. */
export const FAULTS = ['fin', 'rst', 'stall', 'garbage', 'eof'] as const;

/** One of {@link FAULTS}. */
export type FaultKind = (typeof FAULTS)[number];

/** Who ends an execution that stalls: the caller's signal, the consumer, or a layer that has waited long enough. */
export type Rescue = 'signal' | 'close' | 'timeout';

const RESCUES: readonly Rescue[] = ['signal', 'close', 'timeout'];

/** One execution of the matrix. */
export interface Cell {
  readonly kind: FaultKind;
  readonly offset: number;
  readonly rescue: Rescue;
  readonly garbage: Garbage;
  /** What follows the garbage. */
  readonly then: 'continue' | 'eof';
}

/** The offset of a fault that comes instead of the headers. */
const AT_HEADERS = -1;

/** A clean end of the body is no cut of the connection: a part of the offsets will do. */
const EOF_STEP = 5;

/** All cells of one fault. Garbage of all kinds, and ways out of a stall, take turns over the offsets. */
export function cellsOf(subject: Subject, kind: FaultKind, tail: number): Cell[] {
  const offsets = offsetsOf(subject, tail);
  if (kind !== 'garbage' && kind !== 'eof') offsets.unshift(AT_HEADERS);
  const chosen = kind === 'eof' ? offsets.filter((offset) => offset % EOF_STEP === 0) : offsets;
  return chosen.map((offset) => ({
    kind,
    offset,
    rescue: RESCUES[offset % RESCUES.length] ?? 'signal',
    garbage: garbageAt(Math.max(offset, 0)),
    then: Math.floor(offset / GARBAGE.length) % 2 === 0 ? 'continue' : 'eof',
  }));
}

function garbageAt(offset: number): Garbage {
  const garbage = GARBAGE[offset % GARBAGE.length];
  if (garbage === undefined) throw new Error('there is no garbage');
  return garbage;
}

/** The fault of a cell; `gate` is asked when everything before it has been sent. */
export function faultOf({ kind, offset, garbage, then }: Cell, gate: () => Promise<void>): Fault {
  const at = offset === AT_HEADERS ? 'headers' : { byte: offset };
  if (kind === 'garbage') return { kind, at, data: garbage.bytes, then };
  return kind === 'fin' || kind === 'eof' ? { kind, at } : { kind, at, gate };
}

/** A cell in words, to find it again. */
export function nameOf({ kind, offset, rescue, garbage, then }: Cell): string {
  const where = offset === AT_HEADERS ? 'instead of the headers' : `at byte ${offset}`;
  if (kind === 'stall') return `stall ${where}, ended by ${rescue}`;
  return kind === 'garbage' ? `${garbage.name} ${where}, then ${then}` : `${kind} ${where}`;
}
