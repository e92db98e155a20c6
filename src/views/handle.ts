import { Accumulator } from '../accumulator.ts';
import { isVoided } from '../chunks.ts';
import type {
  ExecutionChunk,
  FileChunk,
  ResetChunk,
  StampedChunk,
  ToolCallChunk,
  ToolProgressChunk,
} from '../chunks.ts';
import { SluiceError, kindOf } from '../errors.ts';
import { asSluiceError } from '../middleware-error.ts';
import type { Partial } from '../partial.ts';
import { attemptError } from './reset.ts';
import type { ViewReset } from './reset.ts';

/** How far a stream is. What a reset voids does not count. */
export interface Progress {
  /** Chunks so far, of any kind but `reset` and `done`. */
  chunks: number;
  /** Characters of content so far. */
  characters: number;
  /** Since the first pull. */
  elapsedMs: number;
  /** Whether the answer is over, because it came to its end or was interrupted. The last progress of a failed one says false. */
  isComplete: boolean;
}

/** What to do with a stream. Exactly one of `onComplete` and `onError` is called, after all others. */
export interface Handler<R> {
  onContent?(content: string): void | Promise<void>;
  onThinking?(thinking: string): void | Promise<void>;
  onToolCall?(call: ToolCallChunk): void | Promise<void>;
  onFile?(file: FileChunk): void | Promise<void>;
  /** How far a tool is. The answer does not contain it, so a reset does not take it back. */
  onToolProgress?(progress: ToolProgressChunk): void | Promise<void>;
  /**
   * Something that the handlers above were given is void; `kept` is what still stands of the answer. Without this handler the stream then ends
   * with the error of the attempt.
   */
  onReset?(reset: ViewReset<Partial>): void | Promise<void>;
  /** Called each time so many chunks have come, and once more at the end, before `onComplete` or `onError`. */
  onProgress?(progress: Progress): void | Promise<void>;
  onComplete?(reply: R): void | Promise<void>;
  onError?(error: SluiceError): void | Promise<void>;
}

/** How often `onProgress` is called. */
export interface HandleOptions {
  /** Called once for this many chunks. Default: 1. */
  every?: number;
}

/** The stream of an execution, or one made from it. */
interface Handled<R> {
  next(): Promise<IteratorResult<ExecutionChunk, R>>;
  abort(error: SluiceError): void;
  close(reason?: unknown): Promise<void>;
}

/** See `Stream.handle`. */
export async function handle<R>(
  stream: Handled<R>,
  handler: Handler<R>,
  options: HandleOptions = {},
): Promise<R | undefined> {
  checkHandler(handler);
  const { every = 1 } = options;
  if (!Number.isInteger(every) || every < 1)
    throw new SluiceError('invalid_options', 'every is not a whole number of chunks, 1 or more.');
  const told = new Told(handler, every);
  let reply: R;
  try {
    reply = await readAll(stream, handler, told);
    await told.last(true);
  } catch (error) {
    await stream.close(error);
    if (handler.onError === undefined) throw error;
    await handler.onError(asSluiceError(error, 'handler'));
    return undefined;
  }
  await handler.onComplete?.(reply);
  return reply;
}

async function readAll<R>(stream: Handled<R>, handler: Handler<R>, told: Told<R>): Promise<R> {
  for (;;) {
    let result: IteratorResult<ExecutionChunk, R>;
    try {
      result = await stream.next();
    } catch (error) {
      await told.last(false);
      throw error;
    }
    if (result.done === true) return result.value;
    const chunk = result.value;
    if (chunk.type === 'done') continue;
    if (chunk.type !== 'reset') {
      const isTold = await dispatch(chunk, handler);
      await told.add(chunk, isTold);
    } else if (!(await told.reset(chunk))) {
      const error = attemptError(chunk);
      stream.abort(error);
      await told.last(false);
      throw error;
    }
  }
}

/** What came of one call. */
interface Count {
  chunks: number;
  characters: number;
  /** Whether a handler was given something. */
  isTold: boolean;
}

/** What the handlers were told, by call, so that a reset can take it back. */
class Told<R> {
  readonly #handler: Handler<R>;
  readonly #every: number;
  readonly #started = performance.now();
  readonly #counts = new Map<number, Count>();
  readonly #accumulator: Accumulator | undefined;
  /** What still stands, of all calls. */
  #chunks = 0;
  #characters = 0;
  /** How many chunks have come, void ones too, and how many of them the last progress reported. */
  #came = 0;
  #toldOf = 0;

  constructor(handler: Handler<R>, every: number) {
    this.#handler = handler;
    this.#every = every;
    if (handler.onReset !== undefined) this.#accumulator = new Accumulator();
  }

  async add(chunk: StampedChunk, isTold: boolean): Promise<void> {
    const count = this.#counts.get(chunk.call) ?? { chunks: 0, characters: 0, isTold: false };
    this.#counts.set(chunk.call, count);
    const characters = chunk.type === 'content' ? chunk.content.length : 0;
    count.chunks++;
    count.characters += characters;
    this.#chunks++;
    this.#characters += characters;
    count.isTold ||= isTold;
    this.#accumulator?.add(chunk);
    this.#came++;
    if (this.#came % this.#every === 0) await this.#progress(false);
  }

  /** Takes back what a reset voids. False if the handlers cannot. */
  async reset(reset: ResetChunk): Promise<boolean> {
    const voided = [...this.#counts].filter(([call]) => isVoided(reset, call));
    for (const [call, { chunks, characters }] of voided) {
      this.#counts.delete(call);
      this.#chunks -= chunks;
      this.#characters -= characters;
    }
    this.#accumulator?.add(reset);
    if (this.#accumulator === undefined) return !voided.some(([, { isTold }]) => isTold);
    const { reason } = reset;
    if (voided.length > 0) await this.#handler.onReset?.({ reason, kept: this.#accumulator.partial() });
    return true;
  }

  /** Tells the last progress. Of an answer that is not complete only if there is news. */
  async last(isComplete: boolean): Promise<void> {
    if (isComplete || this.#came > this.#toldOf) await this.#progress(isComplete);
  }

  async #progress(isComplete: boolean): Promise<void> {
    this.#toldOf = this.#came;
    if (this.#handler.onProgress === undefined) return;
    const elapsedMs = performance.now() - this.#started;
    await this.#handler.onProgress({
      chunks: this.#chunks,
      characters: this.#characters,
      elapsedMs,
      isComplete,
    });
  }
}

/** Calls the handler of a chunk. False if there is none. */
async function dispatch<R>(chunk: StampedChunk, handler: Handler<R>): Promise<boolean> {
  switch (chunk.type) {
    case 'content':
      if (chunk.content === '' || handler.onContent === undefined) return false;
      await handler.onContent(chunk.content);
      return true;
    case 'thinking':
      if (chunk.content === '' || handler.onThinking === undefined) return false;
      await handler.onThinking(chunk.content);
      return true;
    case 'tool_call':
      await handler.onToolCall?.(chunk);
      return handler.onToolCall !== undefined;
    case 'file':
      await handler.onFile?.(chunk);
      return handler.onFile !== undefined;
    case 'tool_progress':
      await handler.onToolProgress?.(chunk);
      return false;
    default:
      return false;
  }
}

const HANDLERS: readonly string[] = [
  'onContent',
  'onThinking',
  'onToolCall',
  'onFile',
  'onToolProgress',
  'onReset',
  'onProgress',
  'onComplete',
  'onError',
] satisfies (keyof Handler<unknown>)[];

/** Finds misspelled handlers, which would never be called. */
function checkHandler(handler: unknown): void {
  if (typeof handler !== 'object' || handler === null)
    throw new SluiceError(
      'invalid_options',
      `handle(): handler is ${kindOf(handler)}: give an object of functions.`,
    );
  const given = Object.entries(handler);
  const problems = given.flatMap(([key, value]: [string, unknown]) => {
    if (key.startsWith('on') && !HANDLERS.includes(key))
      return [`${key} is not a handler: there are ${HANDLERS.join(', ')}`];
    const wrong = HANDLERS.includes(key) && value !== undefined && typeof value !== 'function';
    return wrong ? [`${key} is ${kindOf(value)}: give a function`] : [];
  });
  if (problems.length > 0) throw new SluiceError('invalid_options', `handle(): ${problems.join('; ')}.`);
}
