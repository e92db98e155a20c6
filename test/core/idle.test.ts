import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError, Stream, terminal } from 'sluice';
import type { Call, LifeSign, Middleware, Reply, StreamChunk } from 'sluice';
import { constant } from 'sluice/kit';
import { retry } from 'sluice/middleware/retry';
import { Model, counted, failureOf, readAll, says, stop, texts } from './harness.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const MINUTE = 60_000;
const lastCall = (model: Model): Call => {
  const call = model.calls.at(-1);
  if (call === undefined) throw new Error('the model was not called');
  return call;
};

describe('R59 the time of an execution, by default', () => {
  test('lets a stream that makes progress for 14 minutes go on to its end', async () => {
    const model = new Model();
    const read = readAll(new Pipeline([model.middleware]).executeStream('user', 'hi'));
    for (let minute = 0; minute < 14; minute++) {
      await vi.advanceTimersByTimeAsync(MINUTE);
      model.give(texts(`${minute} `));
    }
    model.give(stop());
    await vi.advanceTimersByTimeAsync(0);
    const { content, result } = await read;
    expect([content, result?.outcome]).toEqual(['0 1 2 3 4 5 6 7 8 9 10 11 12 13 ', 'completed']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is 15 minutes in all', async () => {
    const model = new Model();
    const read = readAll(new Pipeline([model.middleware]).executeStream('user', 'hi'));
    for (let minute = 0; minute < 15; minute++) {
      model.give(texts('.'));
      await vi.advanceTimersByTimeAsync(MINUTE);
    }
    const { content, error } = await read;
    expect([content.length, error?.code, error?.phase]).toEqual([15, 'timeout', 'total']);
  });

  test.each<[string, number]>([
    ['before the first chunk', 0],
    ['after some chunks', 3],
  ])('ends a call that is silent for 120 seconds, %s, and frees it', async (_, chunks) => {
    const model = new Model();
    const failure = failureOf(new Pipeline([model.middleware]).execute('user', 'hi'));
    for (let chunk = 0; chunk < chunks; chunk++) {
      await vi.advanceTimersByTimeAsync(7_000);
      model.give(texts('a'));
    }
    await vi.advanceTimersByTimeAsync(119_999);
    expect(model.log).toEqual(['model 1 called']);
    await vi.advanceTimersByTimeAsync(1);
    const partial = { content: 'a'.repeat(chunks) };
    expect(await failure).toMatchObject({ code: 'timeout', phase: 'idle', retryable: true, partial });
    expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each<LifeSign | undefined>([undefined, 'alive', 'progress'])(
    'counts from the last sign of life: %s',
    async (sign) => {
      const model = new Model();
      const failure = failureOf(new Pipeline([model.middleware]).execute('user', 'hi'));
      for (let sent = 0; sent < 6; sent++) {
        await vi.advanceTimersByTimeAsync(100_000);
        lastCall(model).alive(sign);
      }
      await vi.advanceTimersByTimeAsync(119_999);
      expect(model.log).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(await failure).toMatchObject({ code: 'timeout', phase: 'idle' });
    },
  );

  test('counts for a model whose body is a generator, also after many chunks', async () => {
    const model = terminal({ name: 'generator' }, () => {
      async function* body(): AsyncGenerator<StreamChunk, Reply> {
        for (let chunk = 0; chunk < 200; chunk++) yield { type: 'content', content: 'a' };
        await new Promise(() => undefined);
        return { finishReason: 'stop' };
      }
      return Stream.from<StreamChunk, Reply>(body(), { finishReason: 'stop' });
    });
    const failure = failureOf(new Pipeline([model]).execute('user', 'hi'));
    // A generator that awaits cannot be closed: it is abandoned after closeTimeoutMs.
    await vi.advanceTimersByTimeAsync(121_000);
    expect(await failure).toMatchObject({
      code: 'timeout',
      phase: 'idle',
      partial: { content: 'a'.repeat(200) },
    });
  });

  test('does not take a slow consumer for a silent model', async () => {
    const model = new Model().give(texts('a'), texts('b'), texts('c'), stop());
    const stream = new Pipeline([model.middleware], { streamBufferSize: 0 }).executeStream('user', 'hi');
    let read = '';
    for await (const chunk of stream) {
      if (chunk.type === 'content') read += chunk.content;
      await vi.advanceTimersByTimeAsync(200_000);
    }
    expect(read).toBe('abc');
  });

  test('does not count what a layer takes: a tool, a wait of a retry, a buffer', async () => {
    const model = new Model();
    const works: Middleware = async function* works(_context, next) {
      const held = [];
      for await (const chunk of next()) held.push(chunk);
      await new Promise((resolve) => setTimeout(resolve, 3 * MINUTE));
      yield* held;
      return { finishReason: 'stop' };
    };
    const stack = [works, retry({ backoff: constant(3 * MINUTE) }), model.middleware];
    const read = readAll(new Pipeline(stack).executeStream('user', 'hi'));
    await vi.advanceTimersByTimeAsync(0);
    model.give(new SluiceError('server', 'Down.'));
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    for (let chunk = 0; chunk < 3; chunk++) {
      await vi.advanceTimersByTimeAsync(100_000);
      model.give(texts('a'));
    }
    model.give(stop());
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    const { content, error } = await read;
    expect([content, error]).toEqual(['aaa', undefined]);
    expect(model.calls).toHaveLength(2);
  });

  test('does not count the wait for a slot, for the session, or for what a call waits for', async () => {
    const { middleware, finish } = counted([]);
    const opens = Promise.withResolvers<void>();
    const holds: Middleware = (_context, next) => next().tap({ call: () => ({ ready: opens.promise }) });
    const pipeline = new Pipeline([holds, middleware], { maxConcurrentExecutions: 1, executionTimeoutMs: 0 });
    const first = pipeline.executeWithContext('s', 'user', 'a');
    const second = pipeline.executeWithContext('s', 'user', 'b');
    const third = pipeline.execute('user', 'c');
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    opens.resolve();
    for (const running of [first, second, third]) {
      await vi.advanceTimersByTimeAsync(100_000);
      finish();
      await vi.advanceTimersByTimeAsync(0);
      void running.catch(() => undefined);
    }
    finish();
    finish();
    await vi.advanceTimersByTimeAsync(0);
    const outcomes = (await Promise.all([first, second, third])).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['completed', 'completed', 'completed']);
  });

  test('one of two calls that is alive keeps the execution', async () => {
    const silent = new Model({ name: 'silent' });
    const live = new Model({ name: 'live' });
    const both: Middleware = async function* both(context) {
      const lost = context.run(silent.middleware);
      void lost.ready().catch(() => undefined);
      yield* context.run(live.middleware);
      return { finishReason: 'stop' };
    };
    const read = readAll(new Pipeline([both]).executeStream('user', 'hi'));
    for (let chunk = 0; chunk < 4; chunk++) {
      await vi.advanceTimersByTimeAsync(100_000);
      live.give(texts('a'));
    }
    live.give(stop());
    await vi.advanceTimersByTimeAsync(0);
    expect((await read).content).toBe('aaaa');
    expect(silent.log.at(-1)).toBe('silent 1 closed: aborted');
  });

  test('is not retried by a layer: the execution is over', async () => {
    const model = new Model();
    const stack = [retry({ backoff: constant(0) }), model.middleware];
    const failure = failureOf(new Pipeline(stack).execute('user', 'hi'));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(await failure).toMatchObject({ code: 'timeout', phase: 'idle' });
    expect(model.calls).toHaveLength(1);
  });

  test('idleTimeoutMs changes it, and 0 turns it off', async () => {
    const short = failureOf(
      new Pipeline([new Model().middleware], { idleTimeoutMs: 500 }).execute('user', 'hi'),
    );
    const stream = new Pipeline([new Model().give(texts('a')).middleware], {
      idleTimeoutMs: 0,
      executionTimeoutMs: 0,
    }).executeStream('user', 'hi');
    await stream.next();
    await vi.advanceTimersByTimeAsync(500);
    expect(await short).toMatchObject({ code: 'timeout', phase: 'idle' });
    expect((await short).message).toContain('500 ms (see idleTimeoutMs)');
    await vi.advanceTimersByTimeAsync(10_000_000);
    expect(stream.ended).toBe(false);
    await stream.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('signs of life that come after the end do nothing', async () => {
    const model = new Model().give(texts('a'), stop());
    await new Pipeline([model.middleware]).execute('user', 'hi');
    lastCall(model).alive();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('observers of signs of life', () => {
  test('hear each sign, the innermost first, and what one throws becomes one warning', async () => {
    const log: string[] = [];
    const model = new Model();
    const hears = (name: string, fails = false): Middleware => {
      const layer: Middleware = (_context, next) =>
        next().tap({
          call: () => ({
            alive: (sign) => {
              log.push(`${name} ${sign}`);
              if (fails) throw new TypeError('no');
            },
          }),
        });
      return Object.defineProperty(layer, 'name', { value: name });
    };
    const running = new Pipeline([hears('outer'), hears('inner', true), model.middleware]).execute(
      'user',
      'hi',
    );
    await vi.advanceTimersByTimeAsync(0);
    lastCall(model).alive();
    lastCall(model).alive('progress');
    model.give(texts('a'), stop());
    await vi.advanceTimersByTimeAsync(0);
    const { warnings } = await running;
    expect(log).toEqual(['inner alive', 'outer alive', 'inner progress', 'outer progress']);
    expect(warnings).toEqual(['"inner" threw TypeError in the alive() of its tap on call 1.']);
  });

  test('an alive() that is not a function is refused', async () => {
    const wrong: Middleware = (_context, next) =>
      next().tap({ call: () => Reflect.apply(Object.assign, undefined, [{}, { alive: 'yes' }]) });
    expect(await failureOf(new Pipeline([wrong, says('a')]).execute('user', 'hi'))).toMatchObject({
      code: 'middleware',
      message: expect.stringContaining('alive that is a string'),
    });
  });
});

test('chunks that wait when the time is over are delivered before the error', async () => {
  const model = new Model().give(texts('a', 'b', 'c'));
  const stream = new Pipeline([model.middleware], { executionTimeoutMs: 1_000 }).executeStream('user', 'hi');
  expect((await stream.next()).value).toMatchObject({ content: 'a' });
  await vi.advanceTimersByTimeAsync(1_000);
  expect((await stream.next()).value).toMatchObject({ content: 'b' });
  expect((await stream.next()).value).toMatchObject({ content: 'c' });
  const error = await failureOf(stream.next());
  expect(error).toMatchObject({ code: 'timeout', phase: 'total', partial: { content: 'abc' } });
});
