import type { ExecutionContext } from './context.ts';
import type { ModelRequest, Reply } from './request.ts';
import type { Stream } from './stream/stream.ts';
import type { StreamChunk } from './chunks.ts';

/**
 * Starts a new attempt of the rest of the stack. It is lazy: nothing runs before the first pull of the stream.
 * `changes` replaces whole keys of the request.
 */
export type Next = (changes?: Partial<ModelRequest>) => Stream<StreamChunk, Reply>;

/**
 * A middleware: a function that takes `(context, next)` and returns a stream. The function's name is the name of the middleware in
 * errors, traces and logs.
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
