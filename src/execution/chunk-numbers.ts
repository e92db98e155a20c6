import type { ContentChunk, ResetChunk, StreamChunk } from '../chunks.ts';
import type { MapStamp, Stamp } from '../stream/stamp.ts';
import { chunkError, isChunk } from './check-chunk.ts';
import { numbered } from './chunk-copies.ts';

/** What the numbers of an execution need of it. */
interface InterruptedExecution {
  readonly interrupted: boolean;
  readonly deliveredBatch: readonly unknown[];
}

/** What they need of the run of the layer. */
interface RunOfLayer {
  readonly name: string;
  readonly execution: InterruptedExecution;
  /** Every number of this run is at least this. */
  readonly firstNumber: number;
  /** The numbers that were given out below this run, in order. */
  readonly numbersBelow: readonly number[];
  /** The number of the chunk from below that its body has read last; undefined if it has read none. */
  readonly lastRead: number | undefined;
  /** Whether a number was given out below this run. */
  gaveOut(number: number): boolean;
  /** Gives out the next number of the execution. */
  takeNumber(): number;
}

/** A value that no chunk can have as its number. */
const NO_NUMBER: unknown = Symbol('no number');

/**
 * Gives the chunks that leave one run of a layer their numbers, by which a `reset` voids them. See docs/decisions/0020-whose-a-chunk-is.md.
 *
 * - A number that was given out below this run stays: the chunk came from there, changed or not.
 * - A chunk without a number gets that of the chunk from below that the body has read last, of which it most likely was made. If it has read none, it
 *   gets the run's own.
 * - Any other number is of another execution or an earlier run, as in a replay. Each such number gets one of this run in its place.
 */
export class ChunkNumbers implements Stamp, MapStamp {
  readonly #run: RunOfLayer;
  last: number | undefined;
  /** The number of the last chunk that passed. */
  #passing: unknown = NO_NUMBER;
  /** The number of the run itself; 0 if it has none. */
  #own = 0;
  /** The numbers of this run in place of foreign ones. */
  #foreign: Map<unknown, number> | undefined;

  constructor(run: RunOfLayer) {
    this.#run = run;
  }

  makesCopies(): boolean {
    return false;
  }

  passes(chunk: StreamChunk | undefined): boolean {
    return isText(chunk) && chunk.call === this.#passing;
  }

  admit(chunk: StreamChunk): StreamChunk {
    if (!isChunk(chunk)) throw chunkError(this.#run.name, chunk);
    if (this.#isFromBelow(chunk)) {
      this.#passing = chunk.call;
      this.last = chunk.call;
      return chunk;
    }
    const mine = this.#mine(chunk);
    // What passes next is looked at, so that it is the last one again.
    this.#passing = NO_NUMBER;
    this.last = mine.call;
    return mine;
  }

  /** What a map makes of a chunk belongs to the same call. It is copied, since the map may use one object for all chunks. */
  made(of: StreamChunk, made: StreamChunk, isHandedOn: boolean): StreamChunk {
    // The hot path: a text that the map has changed, with the number that it had.
    if (isText(made) && made.call === of.call && of.call !== undefined) return numbered(made, of.call);
    if (!isChunk(made)) {
      if (isHandedOn) throw chunkError(this.#run.name, made);
      return made;
    }
    if (this.#isFromBelow(made)) return numbered(made, made.call ?? 0);
    const isOwn = made.call === undefined || made.call === 0;
    const { call } = of;
    if (isOwn && made.type !== 'reset' && call !== undefined && this.#run.gaveOut(call))
      return numbered(made, call);
    return this.#mine(made);
  }

  #isFromBelow(chunk: StreamChunk): boolean {
    const { call } = chunk;
    if (call === undefined || !this.#run.gaveOut(call)) return false;
    // A reset that no run has stamped, or that another execution has, is stamped here.
    return chunk.type !== 'reset' || (chunk.calls?.every((voided) => this.#run.gaveOut(voided)) ?? false);
  }

  /** A chunk that this layer made, or has from somewhere else. */
  #mine(chunk: StreamChunk): StreamChunk {
    // The execution drops what a layer adds after an interrupt.
    const { interrupted, deliveredBatch } = this.#run.execution;
    if (interrupted && !deliveredBatch.includes(chunk)) return numbered(chunk, 0);
    const isOwn = chunk.call === undefined || chunk.call === 0;
    if (chunk.type === 'reset') return this.#reset(chunk, isOwn);
    return numbered(chunk, isOwn ? this.#ownNumber : this.#inPlaceOf(chunk.call));
  }

  /** A reset voids what this run has given out or let through, and nothing that came before. */
  #reset(chunk: ResetChunk, isOwn: boolean): StreamChunk {
    const calls = isOwn ? this.#from(chunk.from) : this.#foreignIn(chunk);
    const from = Math.max(this.#run.firstNumber, isOwn ? chunk.from : (calls[0] ?? 0));
    return { type: 'reset', from, calls, reason: chunk.reason, call: this.#ownNumber };
  }

  /** The numbers of this run and of what is below it, from one on. */
  #from(first: number): number[] {
    const all = [...this.#run.numbersBelow, ...(this.#foreign?.values() ?? [])];
    if (this.#own > 0) all.push(this.#own);
    return all.filter((number) => number >= first).sort((a, b) => a - b);
  }

  /** The numbers in place of those that a replayed reset voids. */
  #foreignIn({ from, calls }: ResetChunk): number[] {
    const voided: number[] = [];
    for (const [theirs, mine] of this.#foreign ?? []) {
      if (typeof theirs !== 'number') continue;
      if (calls === undefined ? theirs >= from : calls.includes(theirs)) voided.push(mine);
    }
    return voided;
  }

  /** Of what the body has read last, since it most likely was made of that; else of the run itself. */
  get #ownNumber(): number {
    const { lastRead } = this.#run;
    if (lastRead !== undefined) return lastRead;
    if (this.#own === 0) this.#own = this.#run.takeNumber();
    return this.#own;
  }

  #inPlaceOf(call: unknown): number {
    this.#foreign ??= new Map();
    let mine = this.#foreign.get(call);
    if (mine === undefined) {
      mine = this.#run.takeNumber();
      this.#foreign.set(call, mine);
    }
    return mine;
  }
}

/** Whether a value is a chunk of text. Nearly all chunks are. */
function isText(chunk: StreamChunk | undefined): chunk is ContentChunk {
  return chunk?.type === 'content' && typeof chunk.content === 'string';
}
