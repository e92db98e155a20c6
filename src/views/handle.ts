import type { ExecutionChunk, FileChunk, ToolCallChunk } from '../chunks.ts';
import { SluiceError, kindOf } from '../errors.ts';
import { asSluiceError } from '../middleware-error.ts';

/** How far a stream is. */
export interface Progress {
  /** Chunks so far. */
  chunks: number;
  /** Characters of content so far. */
  characters: number;
  /** Since the first pull. */
  elapsedMs: number;
}

/** What to do with a stream. Exactly one of `onComplete` and `onError` is called, after all others. */
export interface Handler<R> {
  onContent?(content: string): void | Promise<void>;
  onThinking?(thinking: string): void | Promise<void>;
  onToolCall?(call: ToolCallChunk): void | Promise<void>;
  onFile?(file: FileChunk): void | Promise<void>;
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
  const progress: Progress = { chunks: 0, characters: 0, elapsedMs: 0 };
  const started = performance.now();
  let reply: R;
  try {
    for (;;) {
      const result = await stream.next();
      if (result.done === true) {
        reply = result.value;
        break;
      }
      await dispatch(result.value, handler);
      progress.chunks++;
      if (result.value.type === 'content') progress.characters += result.value.content.length;
      if (progress.chunks % every !== 0 || handler.onProgress === undefined) continue;
      await handler.onProgress({ ...progress, elapsedMs: performance.now() - started });
    }
  } catch (error) {
    await stream.close(error);
    if (handler.onError === undefined) throw error;
    await handler.onError(asSluiceError(error, 'handler'));
    return undefined;
  }
  await handler.onComplete?.(reply);
  return reply;
}

async function dispatch<R>(chunk: ExecutionChunk, handler: Handler<R>): Promise<void> {
  if (chunk.type === 'content' && chunk.content !== '') await handler.onContent?.(chunk.content);
  else if (chunk.type === 'thinking' && chunk.content !== '') await handler.onThinking?.(chunk.content);
  else if (chunk.type === 'tool_call') await handler.onToolCall?.(chunk);
  else if (chunk.type === 'file') await handler.onFile?.(chunk);
}

const HANDLERS: readonly string[] = [
  'onContent',
  'onThinking',
  'onToolCall',
  'onFile',
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
