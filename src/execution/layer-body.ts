import type { StreamChunk } from '../chunks.ts';
import type { Middleware } from '../context.ts';
import { kindOf } from '../errors.ts';
import { middlewareError } from '../middleware-error.ts';
import type { Reply } from '../request.ts';
import type { MaybePromise } from '../stream/owner.ts';
import { requireUnread } from '../stream/segment.ts';
import type { OpenedAs, Segment } from '../stream/segment.ts';
import { GeneratorSource } from '../stream/source.ts';
import type { GeneratorLike } from '../stream/source.ts';
import { Stream } from '../stream/stream.ts';

type Opened = OpenedAs<StreamChunk, Reply>;
type Run = Segment<StreamChunk, Reply>;

/** What the body of a layer returned, as something to read. Throws a `middleware` error if it is not a stream, or cannot be read. */
export function openBody(run: Run, body: ReturnType<Middleware>): MaybePromise<Opened> {
  if (body instanceof Stream) return segmentOf(run, body);
  if (isThenable(body)) return Promise.resolve(body).then((late) => open(run, late));
  return open(run, body);
}

function open(run: Run, body: Awaited<ReturnType<Middleware>>): Opened {
  if (body instanceof Stream) return segmentOf(run, body);
  if (isGenerator(body)) return new GeneratorSource<StreamChunk, Reply>(body);
  const advice =
    typeof body === 'function'
      ? 'was the factory passed without calling it?'
      : 'return the stream of next(), or yield* it from an async generator.';
  throw middlewareError(run.name, `returned ${kindOf(body)}, not a stream: ${advice}`);
}

function segmentOf(run: Run, stream: Stream<StreamChunk, Reply>): Run {
  const segment = Stream.segmentOf(stream);
  requireUnread(segment, run, 'returned');
  return segment;
}

function isThenable<T>(value: unknown): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function isGenerator(value: unknown): value is GeneratorLike<StreamChunk, Reply> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Symbol.asyncIterator in value &&
    'next' in value &&
    typeof value.next === 'function' &&
    'return' in value &&
    typeof value.return === 'function'
  );
}
