import { Accumulator, noUsage } from '../src/index.ts';
import type {
  ExecutionChunk,
  ExecutionResult,
  PartialReply,
  ResetChunk,
  TextOptions,
  TurnStream,
  CodedError,
} from '../src/index.ts';
import type { WireEvent } from './connection.ts';
import { Link, placeOf } from './link.ts';
import type { LinkOptions } from './link.ts';
import { reasonOfReset, voids } from './resets.ts';
import { abortedBy, errorOf, errorOfThrown } from './wire-errors.ts';
import { itemOf } from './wire.ts';
import type { WireEnd, WireGap, WireItem, WireStart } from './wire.ts';

/** How a stream ended. */
type End = { result: ExecutionResult } | { error: CodedError };
type Read = IteratorResult<ExecutionChunk, ExecutionResult | undefined>;

/** A chunk or the end, and the id of its event. */
interface Item {
  item: Exclude<WireItem, WireStart | WireGap>;
  id: string | undefined;
}

/** What a {@link ClientStream} is made of. */
export interface ClientStreamOptions extends LinkOptions {
  /** Ends the stream as `aborted`. */
  signal?: AbortSignal | undefined;
  /** The id of the turn, if it is known before the server says it. */
  id: string | undefined;
  /** Ends a turn on the server. Without an id: the one that the stream joins. */
  stop: (id: string | undefined, reason?: string) => Promise<'stopped' | 'pending'>;
}

/**
 * The stream of one turn on the client's side of the wire. It is read as the stream of an execution is, and gives the same chunks, the same result and the same errors.
 *
 * Nothing is sent before the first read. Read it with `for await`, or with `next()` and `close()`. If the connection breaks, it comes back by itself and goes on after the last
 * chunk that it has got.
 *
 * `Stream.from(stream)` of `sluice` makes the whole `Stream` of it, with all views.
 */
export class ClientStream
  implements AsyncIterableIterator<ExecutionChunk, ExecutionResult | undefined>, TurnStream
{
  /** Settles at the end, with the result or the error. It does not make the stream run. */
  readonly result: Promise<ExecutionResult>;
  readonly #link: Link;
  readonly #stop: ClientStreamOptions['stop'];
  readonly #signal: AbortSignal | undefined;
  #id: string | undefined;
  readonly #accumulator = new Accumulator();
  /** What has come and was not given yet. */
  #items: Item[] = [];
  /** How many of them were given. */
  #given = 0;
  #cursor: string | undefined;
  #start: WireStart | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #end: End | undefined;
  #closed = false;
  #settle: ((end: End) => void) | undefined;

  constructor(options: ClientStreamOptions) {
    this.#id = options.id;
    this.#stop = options.stop;
    this.#signal = options.signal;
    this.#link = new Link(options);
    this.#link.id = options.id;
    // Set by the promise before its constructor returns.
    this.result = new Promise((resolve, reject) => {
      this.#settle = (end) => ('result' in end ? resolve(end.result) : reject(end.error));
    });
    this.result.catch(() => undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * The id of the turn, and of its stream: `client.resume(id)` reads it again, `client.stop(id)` ends it. Undefined until the server has said it if a conversation is joined.
   */
  get id(): string | undefined {
    return this.#id;
  }

  /** Ends the turn on the server. The reader gets what comes until then, and the error `aborted` with the reason. */
  stop(reason?: string): Promise<'stopped' | 'pending'> {
    return this.#stop(this.#id, reason);
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** What has come so far. */
  get partial(): PartialReply {
    return this.#accumulator.partial();
  }

  /** The id of the last event that was given: `client.resume(id, { after })` goes on behind it. Undefined before the first. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** What the server said first, when it has come: the session, the pipeline, the model. */
  get start(): Readonly<Omit<WireStart, 'type'>> | undefined {
    return this.#start;
  }

  /** The next chunk, or the end with the result. Concurrent calls are answered in order. Rejects with the stream's `SluiceError`. */
  next(): Promise<Read> {
    return this.#inOrder(async () => {
      const waiting = await this.#waiting();
      if (waiting !== undefined) {
        this.#given += 1;
        this.#cursor = waiting.id;
        const value = this.#take(waiting);
        if (value !== undefined) return { done: false, value };
      }
      const ended = this.#end;
      if (ended !== undefined && 'result' in ended) return { done: true, value: ended.result };
      if (this.#closed || ended === undefined) return { done: true, value: undefined };
      throw ended.error;
    });
  }

  /** Starts the stream. Resolves when the first chunk is there, or the end without one; rejects with the stream's error. Consumes nothing. */
  ready(): Promise<void> {
    return this.#inOrder(async () => {
      const waiting = await this.#waiting();
      // The end in place of the first chunk: there is nothing to give before an error.
      if (waiting?.item.type === 'end' && !isGood(waiting.item)) this.#take(waiting);
      if (this.#end !== undefined && 'error' in this.#end && !this.#closed) throw this.#end.error;
    });
  }

  /**
   * Leaves: a pending `next()` resolves to `done`, and `result` rejects with `aborted`. A server that does not keep the stream cancels the turn; one that keeps it lets it run:
   * {@link stop} ends that.
   */
  async close(reason?: unknown): Promise<void> {
    if (this.#end !== undefined) return;
    this.#closed = true;
    this.#fail(abortedBy(reason));
  }

  /** The same as `close()`, in the protocol of async iterators. `break` calls it. */
  async return(): Promise<Read> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** The pieces of the answer's text. If a `reset` voids text that was given, it ends with the error of the attempt, unless there is an `onReset`. */
  async *textStream({ onReset }: TextOptions<string> = {}): AsyncGenerator<
    string,
    ExecutionResult | undefined
  > {
    const calls = new Set<number>();
    const kept = new Accumulator();
    try {
      for (;;) {
        const { done, value: chunk } = await this.next();
        if (done) return chunk;
        if (chunk.type === 'content' && chunk.content !== '') {
          calls.add(chunk.call);
          if (onReset !== undefined) kept.add(chunk);
          yield chunk.content;
        } else if (chunk.type === 'reset' && voids(chunk, calls)) {
          if (onReset === undefined) throw this.#untaken(chunk);
          kept.add(chunk);
          onReset({ reason: chunk.reason, kept: kept.content });
        }
      }
    } finally {
      await this.close();
    }
  }

  /** The whole text of the answer, after resets. Reads the stream to its end. */
  async text(): Promise<string> {
    for (;;) if ((await this.next()).done) return this.#accumulator.content;
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** What is given next; undefined if the stream has ended. Waits for it. */
  async #waiting(): Promise<Item | undefined> {
    while (this.#end === undefined) {
      const waiting = this.#items[this.#given];
      if (waiting !== undefined) return waiting;
      this.#items = [];
      this.#given = 0;
      if (this.#signal?.aborted) {
        this.#abort();
        break;
      }
      this.#signal?.addEventListener('abort', this.#abort);
      try {
        for (const event of await this.#link.read()) this.#keep(event);
      } catch (error) {
        if (this.#end === undefined) this.#fail(errorOfThrown(error));
      }
    }
    return undefined;
  }

  #keep({ id, data }: WireEvent): void {
    if (!this.#link.takes(id)) return;
    const item = itemOf(data);
    if (item === undefined) return;
    if (item.type === 'start') {
      this.#start = item;
      this.#id = this.#link.id = item.turnId;
    } else if (item.type === 'gap') {
      // Each is given by itself. Behind it is the place before the next one, so that a reader who leaves between them misses nothing.
      const { chunks } = item;
      chunks.forEach((chunk, at) => {
        const next = chunks[at + 1]?.index;
        this.#items.push({ item: chunk, id: next === undefined ? id : `${next}.0` });
      });
    } else {
      this.#items.push({ item, id });
    }
  }

  /** The chunk that is given to the reader; undefined if the stream ends without one. */
  #take({ item, id }: Item): ExecutionChunk | undefined {
    if (item.type !== 'end') {
      this.#accumulator.add(item);
      return item;
    }
    if (!isGood(item)) {
      // A server that does not keep streams has cancelled it when the connection was lost.
      const lost = item.reason === 'left' ? this.#link.lost : undefined;
      const isCancelled = item.outcome === 'cancelled';
      this.#fail(isCancelled ? (lost ?? abortedBy(item.reason)) : errorOf(item.error));
      return undefined;
    }
    const result = this.#resultOf(item, item.outcome);
    this.#over({ result });
    return { type: 'done', result, call: 0, index: Math.max(0, placeOf(id) - 1) };
  }

  #fail(error: CodedError): void {
    error.partial ??= this.partial;
    this.#over({ error });
  }

  #over(end: End): void {
    this.#end = end;
    this.#link.close();
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#settle?.(end);
  }

  readonly #abort = (): void => this.#fail(abortedBy(this.#signal?.reason));

  #resultOf(end: WireEnd, outcome: ExecutionResult['outcome']): ExecutionResult {
    const { type: _type, error: _error, finishReason = 'other', ...told } = end;
    return {
      latencyMs: 0,
      usage: noUsage(),
      cost: { status: 'unknown' },
      trace: [],
      warnings: [],
      ...told,
      id: this.#id ?? '',
      outcome,
      response: { ...this.partial, finishReason },
      messages: this.#accumulator.messages(),
      metadata: {},
    };
  }

  /** Ends the stream with the error of an attempt whose text cannot be taken back. */
  #untaken(reset: ResetChunk): CodedError {
    const error = reasonOfReset(reset);
    if (this.#end === undefined) this.#fail(error);
    return error;
  }
}

function isGood(end: WireEnd): end is WireEnd & { outcome: ExecutionResult['outcome'] } {
  return end.outcome === 'completed' || end.outcome === 'interrupted';
}
