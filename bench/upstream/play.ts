import type { Writable } from 'node:stream';

/**
 * How a body ends: `together` with the last write, or `after` it, in a write of its own. Clients that leave a body at its last event lose their
 * connection in the second case, because they have not seen the end yet.
 */
export type Ending = 'together' | 'after';

/** Writes as fast as the socket accepts it. Concurrent streams take turns, one write each. */
export function playAtFullSpeed(response: Writable, buffers: readonly Buffer[], ending: Ending): void {
  let at = 0;
  function step(): void {
    const buffer = buffers[at++];
    if (buffer === undefined) return void response.end();
    if (response.destroyed) return;
    if (ending === 'together' && at === buffers.length) return void response.end(buffer);
    if (response.write(buffer)) setImmediate(step);
    else response.once('drain', step);
  }
  step();
}

/** A stream that is being played. `at` is its next write. */
interface Paced {
  response: Writable;
  buffers: readonly Buffer[];
  at: number;
}

/**
 * Writes many streams at one pace, with one timer. The streams are spread over the slots of a period, so that they are not all written at the
 * same moment.
 */
export class Metronome {
  readonly #slots: Set<Paced>[];
  readonly #started = performance.now();
  readonly #ending: Ending;
  #next = 0;
  #taken = 0;

  constructor(paceMs: number, ending: Ending) {
    this.#ending = ending;
    this.#slots = Array.from({ length: paceMs }, () => new Set<Paced>());
    setInterval(this.#tick, 1);
  }

  play(response: Writable, buffers: readonly Buffer[]): void {
    const slot = this.#slots[this.#taken++ % this.#slots.length];
    const stream: Paced = { response, buffers, at: 0 };
    slot?.add(stream);
    response.once('close', () => slot?.delete(stream));
  }

  readonly #tick = (): void => {
    const due = Math.floor(performance.now() - this.#started);
    // A late tick catches up, but by no more than one period. Otherwise the stream would become a burst.
    this.#next = Math.max(this.#next, due - this.#slots.length);
    for (; this.#next < due; this.#next++) {
      const slot = this.#slots[this.#next % this.#slots.length];
      if (slot !== undefined) for (const stream of slot) write(stream, this.#ending);
    }
  };
}

function write(stream: Paced, ending: Ending): void {
  const buffer = stream.buffers[stream.at++];
  const isLast = stream.at === stream.buffers.length;
  if (isLast && ending === 'together') return void stream.response.end(buffer);
  if (buffer !== undefined) stream.response.write(buffer);
  if (isLast) stream.response.end();
}
