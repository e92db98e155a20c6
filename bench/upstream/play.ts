import type { ServerResponse } from 'node:http';

/** Writes as fast as the socket takes it; streams under way together take turns, one write each. */
export function playAtFullSpeed(response: ServerResponse, buffers: readonly Buffer[]): void {
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

/** A stream on its way, and the number of its next write. */
interface Paced {
  response: ServerResponse;
  buffers: readonly Buffer[];
  at: number;
}

/**
 * Writes of many streams at one pace, by one timer. Streams take the slots of a period in turn, so that their writes do not all fall on one
 * moment.
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

  play(response: ServerResponse, buffers: readonly Buffer[]): void {
    const slot = this.#slots[this.#taken++ % this.#slots.length];
    const stream: Paced = { response, buffers, at: 0 };
    slot?.add(stream);
    response.once('close', () => slot?.delete(stream));
  }

  readonly #tick = (): void => {
    const due = Math.floor(performance.now() - this.#started);
    // A late tick makes up for the missed ones, but never for more than a period: a burst is not a pace.
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
