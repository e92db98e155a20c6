import { setTimeout as delay } from 'node:timers/promises';

import { bodyFrames, defaultHeaders, type FaultResponse, type Split } from './fault-response.ts';
import { pass, type Gate } from '../manual-gate.ts';
import { loopTurn, type ResponseWriter } from './response-writer.ts';
import type { Frame, Wire } from './wires.ts';

/** Events of a response that is being played. */
export interface PlayEvents {
  headers(status: number): void;
  fault(kind: string): void;
}

/** Where a response is played. */
export interface PlayTarget {
  readonly writer: ResponseWriter;
  readonly wire: Wire;
  readonly requestIndex: number;
  readonly events: PlayEvents;
}

/**
 * Plays one scripted response, including its fault. Resolves when it is done, at the latest when the connection is closed. Rejects if a
 * gate of the script rejects.
 */
export async function playResponse(response: FaultResponse, target: PlayTarget): Promise<void> {
  const { writer, wire, requestIndex, events } = target;
  const { fault, status = 200 } = response;

  await wait(writer, response.delayHeaders, 0);
  if (fault?.at === 'headers') {
    await wait(writer, fault.gate, 0);
    await strike();
    return;
  }
  if (writer.outcome !== undefined) return;
  writer.head(status, { ...defaultHeaders(response, wire, requestIndex), ...response.headers });
  events.headers(status);
  if (response.split !== undefined) await loopTurn();
  for (const step of steps(bodyFrames(response, wire), response)) {
    if (step.bytes !== undefined) await writer.write(step.bytes);
    if (step.pauseMs !== undefined) await Promise.race([delay(step.pauseMs), writer.closed]);
    if (step.hold !== undefined) await wait(writer, step.hold, step.event ?? 0);
    if (response.split !== undefined) await loopTurn();
    if (writer.outcome !== undefined) return;
  }
  await strike();

  async function strike(): Promise<void> {
    if (writer.outcome !== undefined) return;
    if (fault !== undefined) events.fault(fault.kind);
    if (fault?.kind === 'stall') await writer.closed;
    else if (fault?.kind === 'reset') writer.end('reset', fault.code);
    else writer.end(endingOf(fault));
  }
}

function endingOf(fault: FaultResponse['fault']): 'eof' | 'fin' | 'rst' {
  if (fault?.kind === 'rst' || fault?.kind === 'fin') return fault.kind;
  // Without headers there is no body to end, so that only the connection can be closed.
  return fault?.at === 'headers' ? 'fin' : 'eof';
}

async function wait(writer: ResponseWriter, gate: Gate | undefined, event: number): Promise<void> {
  if (gate !== undefined) await Promise.race([pass(gate, event), writer.closed]);
}

interface Step {
  readonly bytes?: Uint8Array;
  readonly pauseMs?: number;
  readonly hold?: Gate;
  readonly event?: number;
}

/** Joins and splits frames into writes, with the waits between them. */
function* steps(frames: Iterable<Frame>, response: FaultResponse): Generator<Step, void> {
  const { gate, intervalMs = 0, split } = response;
  const nextBoundary = boundaries(split);
  const pending: Uint8Array[] = [];
  let offset = 0;
  let boundary = nextBoundary(0);

  function* flush(): Generator<Step, void> {
    if (pending.length > 0) yield { bytes: Buffer.concat(pending.splice(0)) };
  }

  for (const frame of frames) {
    if (frame.hold !== undefined) {
      yield* flush();
      yield { hold: frame.hold };
    }
    if (frame.event !== undefined && (gate !== undefined || intervalMs > 0)) {
      yield* flush();
      if (intervalMs > 0 && frame.event > 0) yield { pauseMs: intervalMs };
      if (gate !== undefined) yield { hold: gate, event: frame.event };
    }
    let bytes = frame.bytes;
    while (boundary <= offset + bytes.length) {
      const head = bytes.subarray(0, boundary - offset);
      bytes = bytes.subarray(head.length);
      offset = boundary;
      boundary = nextBoundary(offset);
      pending.push(head);
      yield* flush();
    }
    offset += bytes.length;
    if (bytes.length > 0) pending.push(bytes);
    if (split === 'event') yield* flush();
  }
  yield* flush();
}

const JOINED_WRITE_BYTES = 16 * 1024;

/** Returns a function that gives, for an offset, the next one at which a write ends. */
function boundaries(split: Split | undefined): (offset: number) => number {
  if (split === 'event') return () => Number.POSITIVE_INFINITY;
  if (split === undefined) return (offset) => offset + JOINED_WRITE_BYTES;
  if ('everyBytes' in split) return everyBytes(split.everyBytes);
  if ('atBytes' in split) {
    const sorted = split.atBytes.toSorted((a, b) => a - b);
    return (offset) => sorted.find((at) => at > offset) ?? Number.POSITIVE_INFINITY;
  }
  const random = seededRandom(split.seed);
  const maxBytes = atLeastOne(split.maxBytes ?? 64, 'split.maxBytes');
  return (offset) => offset + 1 + Math.floor(random() * maxBytes);
}

function everyBytes(size: number): (offset: number) => number {
  const step = atLeastOne(size, 'split.everyBytes');
  return (offset) => offset + step;
}

function atLeastOne(bytes: number, name: string): number {
  if (!(bytes >= 1)) throw new RangeError(`${name} is ${bytes}. Expected at least 1 byte.`);
  return Math.floor(bytes);
}

/** Random numbers in [0, 1) from a seed: a 32-bit xorshift (G. Marsaglia, "Xorshift RNGs", 2003). */
function seededRandom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return function next() {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
