import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pipeline, Stream, terminal } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { texts } from './harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A stream of one chunk whose source then hangs, and never closes. */
function stuckSource(): Stream<StreamChunk, Reply> {
  let wasRead = false;
  return Stream.fromSource<StreamChunk, Reply>({
    pull: () => {
      if (wasRead) return new Promise(() => undefined);
      wasRead = true;
      return texts('a');
    },
    close: () => new Promise(() => undefined),
  });
}

test.each<[string, () => Middleware]>([
  ['a terminal', () => terminal({ name: 'stuck' }, () => stuckSource())],
  ['a terminal, through a map', () => terminal({ name: 'stuck' }, () => stuckSource().map((chunk) => chunk))],
  [
    'a middleware that answers itself',
    () =>
      function stuck() {
        return stuckSource();
      },
  ],
  [
    'an async middleware that answers itself',
    () =>
      async function stuck() {
        return stuckSource();
      },
  ],
])('the source of %s that never closes is abandoned after closeTimeoutMs', async (_, make) => {
  const outer: Middleware = function outer(_context, next) {
    return next().tap(() => undefined);
  };
  const pipeline = new Pipeline([outer, make()], { closeTimeoutMs: 250 });
  const stream = pipeline.executeStream('user', 'hi');
  await stream.next();
  let isClosed = false;
  const closing = stream.close().then(() => (isClosed = true));
  await vi.advanceTimersByTimeAsync(249);
  expect(isClosed).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await closing;
});

test('the warning about a source that never closes names the layer that returned it', async () => {
  const stopper: Middleware = function stopper(context, next) {
    return next().tap(() => context.interrupt('enough'));
  };
  const stuck = terminal({ name: 'stuck' }, () => stuckSource());
  const result = new Pipeline([stopper, stuck], { closeTimeoutMs: 250 }).execute('user', 'hi');
  await vi.advanceTimersByTimeAsync(500);
  expect((await result).warnings).toEqual(['"stuck" did not end within 250 ms and was abandoned.']);
});

test('a layer that never says what follows is abandoned, and the warning names it', async () => {
  const stopper: Middleware = function stopper(context, next) {
    setTimeout(() => context.interrupt('enough'), 1_000);
    return next();
  };
  const silent: Middleware = function silent(_context, next) {
    return next().followedBy(() => new Promise<undefined>(() => undefined));
  };
  const model = terminal({ name: 'model' }, () => Stream.from(texts('a'), { finishReason: 'stop' as const }));
  const result = new Pipeline([stopper, silent, model], { closeTimeoutMs: 250 }).execute('user', 'hi');
  await vi.advanceTimersByTimeAsync(1_500);
  expect((await result).warnings).toEqual(['"silent" did not end within 250 ms and was abandoned.']);
});
