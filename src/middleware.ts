import type { ExecutionContext } from './context.ts';
import type { ModelRequest, Reply } from './request.ts';
import type { Stream } from './stream/stream.ts';
import type { StreamChunk } from './chunks.ts';

/**
 * Makes a fresh attempt at the rest of the stack. Lazy: the layer below runs at the stream's first pull.
 * `changes` replaces whole keys of this layer's request.
 */
export type Next = (changes?: Partial<ModelRequest>) => Stream<StreamChunk, Reply>;

/**
 * A middleware: from (context, next) to a stream. Its function's name is its name in errors, traces and logs.
 *
 * @example
 * const logging = (): Middleware => async function* logging(context, next) {
 *   const reply = yield* next();
 *   context.log.info('reply', { usage: reply.usage });
 *   return reply;
 * };
 */
export type Middleware = (
  context: ExecutionContext,
  next: Next,
) =>
  | Stream<StreamChunk, Reply>
  | Promise<Stream<StreamChunk, Reply>>
  | AsyncGenerator<StreamChunk, Partial<Reply> | void, void>;
