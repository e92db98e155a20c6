import type { Writable } from 'node:stream';

/** Writes as fast as the socket accepts it. Concurrent streams take turns, one write each. */
export function playAtFullSpeed(response: Writable, buffers: readonly Buffer[]): void {
  let at = 0;
  function step(): void {
    const buffer = buffers[at++];
    if (buffer === undefined) return void response.end();
    if (response.destroyed) return;
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
  #next = 0;
  #taken = 0;

  constructor(paceMs: number) {
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
      if (slot !== undefined) for (const stream of slot) write(stream);
    }
  };
}

function write(stream: Paced): void {
  const buffer = stream.buffers[stream.at++];
  if (buffer !== undefined) stream.response.write(buffer);
  if (stream.at === stream.buffers.length) stream.response.end();
}
