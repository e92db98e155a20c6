import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { Model, counted, failureOf, says, texts } from './harness.ts';

describe('time', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
  afterEach(() => void vi.useRealTimers());

  const hangs = (): Model => new Model().give(texts('a'));

  test.each([
    ['executionTimeoutMs', { executionTimeoutMs: 500 }, {}],
    ['timeoutMs', {}, { timeoutMs: 500 }],
    ['the earlier of the two', { executionTimeoutMs: 500 }, { timeoutMs: 900 }],
    ['the earlier of the two, the other way', { executionTimeoutMs: 900 }, { timeoutMs: 500 }],
  ])('%s ends a running execution as a total timeout, with what had come', async (_, options, execution) => {
    const model = hangs();
    const failure = failureOf(new Pipeline([model.middleware], options).execute('user', 'hi', execution));
    await vi.advanceTimersByTimeAsync(499);
    expect(model.log).toEqual(['model 1 called']);
    await vi.advanceTimersByTimeAsync(1);
    expect(await failure).toMatchObject({ code: 'timeout', phase: 'total', partial: { content: 'a' } });
    expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
  });

  test.each([
    ['a number', () => Date.now() + 500],
    ['a date', () => new Date(Date.now() + 500)],
  ])('deadline as %s', async (_, deadline) => {
    const pipeline = new Pipeline([hangs().middleware]);
    const failure = failureOf(pipeline.execute('user', 'hi', { deadline: deadline(), timeoutMs: 800 }));
    await vi.advanceTimersByTimeAsync(500);
    expect(await failure).toMatchObject({ code: 'timeout', phase: 'total' });
  });

  test('0 turns it off', async () => {
    const free = new Pipeline([hangs().middleware], { executionTimeoutMs: 0 }).executeStream('user', 'hi');
    await free.next();
    await vi.advanceTimersByTimeAsync(10_000_000);
    expect(free.ended).toBe(false);
    await free.close();
  });

  test('context.deadline tells the layers', async () => {
    const seen: (number | undefined)[] = [];
    const looks: Middleware = function looks(context, next) {
      seen.push(context.deadline === undefined ? undefined : context.deadline - Date.now());
      return next();
    };
    await new Pipeline([looks, says('a')]).execute('user', 'hi', { timeoutMs: 700 });
    await new Pipeline([looks, says('a')], { executionTimeoutMs: 0 }).execute('user', 'hi');
    expect(seen).toEqual([700, undefined]);
  });

  test('the wait for a slot does not count for a timeout', async () => {
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware], { maxConcurrentExecutions: 1, executionTimeoutMs: 1_000 });
    const first = pipeline.execute('user', 'a');
    const second = pipeline.execute('user', 'b');
    await vi.advanceTimersByTimeAsync(900);
    finish();
    await first;
    await vi.advanceTimersByTimeAsync(900);
    finish();
    expect((await second).outcome).toBe('completed');
  });

  test('a deadline that comes while it waits for a slot fails it in phase queue', async () => {
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware], { maxConcurrentExecutions: 1 });
    const first = pipeline.execute('user', 'a');
    const second = failureOf(pipeline.execute('user', 'b', { deadline: Date.now() + 200 }));
    await vi.advanceTimersByTimeAsync(200);
    expect(await second).toMatchObject({ code: 'timeout', phase: 'queue', partial: { content: '' } });
    finish();
    expect((await first).outcome).toBe('completed');
  });

  test('a deadline that is over already fails before any call is made', async () => {
    const model = hangs();
    const failure = failureOf(
      new Pipeline([model.middleware]).execute('user', 'hi', { deadline: Date.now() - 1 }),
    );
    await vi.advanceTimersByTimeAsync(1);
    expect(await failure).toMatchObject({ code: 'timeout', phase: 'queue' });
    expect(model.log).toEqual([]);
  });

  test('a deadline beyond the longest timer does not fire at once', async () => {
    const stream = new Pipeline([hangs().middleware], { executionTimeoutMs: 0 }).executeStream('user', 'hi', {
      deadline: Date.now() + 10 ** 12,
    });
    await stream.next();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(stream.ended).toBe(false);
    await stream.close();
  });

  test('no timer is left at the end', async () => {
    await new Pipeline([says('a')]).execute('user', 'hi', { deadline: Date.now() + 5_000, timeoutMs: 400 });
    await failureOf(new Pipeline([new Model().give(new Error('x')).middleware]).execute('user', 'hi'));
    expect(vi.getTimerCount()).toBe(0);
  });
});
