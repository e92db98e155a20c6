import type { Entry } from '../log/chunk-log.ts';
import type { SentChunk } from '../stream/parts.ts';

/** How many of the newest chunks are kept: at least so many, at most twice as many. */
const KEPT = 512;

interface KeptEntry extends Entry {
  /** Whether the log has it as it is here. If an append was tried more than once, the log may say another time. */
  readonly isSure: boolean;
}

/** The newest chunks of a run that the log has: for readers in the same process, and to give them again to a log that has lost them. */
export class Tail {
  #entries: KeptEntry[] = [];
  #size = 0;
  /** How many chunks the log has. */
  #next: number;

  constructor(next: number) {
    this.#next = next;
  }

  get next(): number {
    return this.#next;
  }

  add(entry: Entry, isSure: boolean): void {
    this.#entries.push({ ...entry, isSure });
    this.#size += entry.chunks.length;
    this.#next = entry.from + entry.chunks.length;
    while (this.#size - (this.#entries[0]?.chunks.length ?? this.#size) >= KEPT)
      this.#size -= this.#entries.shift()?.chunks.length ?? 0;
  }

  /** The entries behind so many chunks. Undefined if the log has to be asked. */
  behind(after: number): readonly Entry[] | undefined {
    if (after === this.#next) return [];
    const at = this.#entries.findIndex(({ from, chunks }) => from + chunks.length > after);
    const first = this.#entries[at];
    if (first === undefined || first.from > after) return undefined;
    const entries = this.#entries.slice(at);
    const unsure = entries.findIndex(({ isSure }) => !isSure);
    if (unsure < 0) return entries;
    return unsure === 0 ? undefined : entries.slice(0, unsure);
  }

  /** The chunks from a place on, to be given again. Undefined if they are not kept any more. */
  chunksFrom(index: number): SentChunk[] | undefined {
    const first = this.#entries[0];
    if (first === undefined || first.from > index) return undefined;
    return this.#entries.flatMap(({ from, chunks }) => chunks.slice(Math.max(0, index - from)));
  }
}
