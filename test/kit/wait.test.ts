import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SluiceError } from 'sluice';
import { abortReason, abortable, delay, onAbort, withDeadline } from 'sluice/kit';
import { failureOf } from '../core/harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;
/** What a wait leaves when it is over. */
const left = (signal: AbortSignal): [timers: number, listeners: number] => [
  vi.getTimerCount(),
  listeners(signal),
];
const idle: [number, number] = [0, 0];

describe('the reason of an aborted signal', () => {
  test('is itself if it is an error of the library', () => {
    const reason = new SluiceError('timeout', 'It took too long.');
    expect(abortReason(AbortSignal.abort(reason))).toBe(reason);
  });

  test.each([['a text'], [new Error('enough')], [undefined]])(
    'is the cause of an aborted error if it is %s',
    (reason) => {
      const signal = AbortSignal.abort(reason);
      const error = abortReason(signal);
      expect([error.code, error.cause]).toEqual(['aborted', signal.reason]);
    },
  );
});

describe('a listener of a signal', () => {
  test('is called once with the reason, and then forgotten', () => {
    const controller = new AbortController();
    const heard = vi.fn();
    onAbort(controller.signal, heard);
    expect(listeners(controller.signal)).toBe(1);
    const reason = new SluiceError('timeout', 'It took too long.');
    controller.abort(reason);
    expect(heard.mock.calls).toEqual([[reason]]);
    expect(listeners(controller.signal)).toBe(0);
  });

  test('is called at once if the signal has aborted', () => {
    const heard = vi.fn();
    onAbort(AbortSignal.abort('gone'), heard);
    expect(heard).toHaveBeenCalledTimes(1);
  });

  test('is removed at the end of its scope', () => {
    const controller = new AbortController();
    const heard = vi.fn();
    {
      using _listening = onAbort(controller.signal, heard);
    }
    expect(listeners(controller.signal)).toBe(0);
    controller.abort();
    expect(heard).not.toHaveBeenCalled();
  });
});

describe('a delay', () => {
  test('resolves when its time is over, and leaves nothing', async () => {
    const { signal } = new AbortController();
    const over = vi.fn();
    void delay(100, signal).then(over);
    await vi.advanceTimersByTimeAsync(99);
    expect([over.mock.calls.length, listeners(signal)]).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect([over.mock.calls.length, left(signal)]).toEqual([1, idle]);
  });

  test('needs no signal', async () => {
    const waiting = delay(100);
    await vi.advanceTimersByTimeAsync(100);
    await expect(waiting).resolves.toBeUndefined();
  });

  test('rejects with the reason as soon as the signal aborts, and leaves nothing', async () => {
    const controller = new AbortController();
    const waiting = failureOf(delay(60_000, controller.signal));
    controller.abort('enough');
    const error = await waiting;
    expect([error.code, error.cause]).toEqual(['aborted', 'enough']);
    expect(left(controller.signal)).toEqual(idle);
  });

  test('does not begin after the signal has aborted, not even one of 0 ms', async () => {
    const reason = new SluiceError('timeout', 'It took too long.');
    for (const ms of [0, 100]) expect(await failureOf(delay(ms, AbortSignal.abort(reason)))).toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of 0 ms or less needs no timer', async () => {
    const { signal } = new AbortController();
    for (const ms of [0, -5]) {
      const waiting = delay(ms, signal);
      expect(left(signal)).toEqual(idle);
      await waiting;
    }
  });

  test('of an infinite time ends with the signal', async () => {
    const controller = new AbortController();
    const waiting = failureOf(delay(Number.POSITIVE_INFINITY, controller.signal));
    expect(left(controller.signal)).toEqual([0, 1]);
    controller.abort();
    expect((await waiting).code).toBe('aborted');
  });
});

describe('a wait with a deadline', () => {
  test('gives what the promise resolves to, and leaves nothing', async () => {
    const { signal } = new AbortController();
    const { promise, resolve } = Promise.withResolvers<string>();
    const waiting = withDeadline(promise, 100, { signal });
    await vi.advanceTimersByTimeAsync(50);
    expect(left(signal)).toEqual([1, 1]);
    resolve('there');
    expect(await waiting).toBe('there');
    expect(left(signal)).toEqual(idle);
  });

  test('rejects with what the promise rejects with, and leaves nothing', async () => {
    const { signal } = new AbortController();
    const reason = new Error('broken');
    const { promise, reject } = Promise.withResolvers<string>();
    const waiting = expect(withDeadline(promise, 100, { signal })).rejects.toBe(reason);
    await vi.advanceTimersByTimeAsync(50);
    reject(reason);
    await waiting;
    expect(left(signal)).toEqual(idle);
  });

  test('sets no timer and no listener for a promise that is settled', async () => {
    const { signal } = new AbortController();
    const set = vi.spyOn(globalThis, 'setTimeout');
    const listened = vi.spyOn(signal, 'addEventListener');
    expect(await withDeadline(Promise.resolve('there'), 100, { signal })).toBe('there');
    const gone = withDeadline(Promise.reject(new Error('gone')), 100, { signal });
    await expect(gone).rejects.toThrow('gone');
    expect([set.mock.calls.length, listened.mock.calls.length]).toEqual([0, 0]);
    set.mockRestore();
  });

  test('fails with a timeout when the time is over, and leaves nothing', async () => {
    const { signal } = new AbortController();
    const waiting = failureOf(withDeadline(never, 100, { signal }));
    await vi.advanceTimersByTimeAsync(100);
    const { code, phase, retryable, message } = await waiting;
    expect([code, phase, retryable]).toEqual(['timeout', 'total', true]);
    expect(message).toBe('What was waited for did not come within 100 ms.');
    expect(left(signal)).toEqual(idle);
  });

  test('fails with the error that it was given', async () => {
    const own = new SluiceError('store', 'The index gave no answer.');
    const waiting = failureOf(withDeadline(never, 100, { error: () => own }));
    await vi.advanceTimersByTimeAsync(100);
    expect(await waiting).toBe(own);
  });

  test('without a limit sets no timer', async () => {
    const waiting = withDeadline(never, Number.POSITIVE_INFINITY);
    await Promise.resolve();
    expect(vi.getTimerCount()).toBe(0);
    void waiting;
  });

  test('ends when the signal aborts, and leaves nothing', async () => {
    const controller = new AbortController();
    const waiting = failureOf(withDeadline(never, 100, { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(10);
    controller.abort('enough');
    expect((await waiting).cause).toBe('enough');
    expect(left(controller.signal)).toEqual(idle);
  });

  test('ends when the signal aborts in the same tick', async () => {
    const controller = new AbortController();
    const waiting = failureOf(withDeadline(never, 100, { signal: controller.signal }));
    controller.abort('enough');
    expect((await waiting).cause).toBe('enough');
    expect(left(controller.signal)).toEqual(idle);
  });

  test('hands on a value that comes too late, once', async () => {
    const late = vi.fn();
    const { promise, resolve } = Promise.withResolvers<string>();
    const waiting = failureOf(withDeadline(promise, 100, { late }));
    await vi.advanceTimersByTimeAsync(100);
    await waiting;
    resolve('late');
    await vi.advanceTimersByTimeAsync(0);
    expect(late.mock.calls).toEqual([['late']]);
  });

  test('hands on a value that comes after the signal had aborted from the start', async () => {
    const late = vi.fn();
    const waiting = failureOf(
      withDeadline(Promise.resolve('late'), 100, { signal: AbortSignal.abort(), late }),
    );
    expect((await waiting).code).toBe('aborted');
    await vi.advanceTimersByTimeAsync(0);
    expect(late.mock.calls).toEqual([['late']]);
  });

  test('ignores an error that comes too late', async () => {
    const late = vi.fn();
    const { promise, reject } = Promise.withResolvers<string>();
    const waiting = failureOf(withDeadline(promise, 100, { late }));
    await vi.advanceTimersByTimeAsync(100);
    expect((await waiting).code).toBe('timeout');
    reject(new Error('too late'));
    await vi.advanceTimersByTimeAsync(0);
    expect(late).not.toHaveBeenCalled();
  });
});

describe('a wait that can be aborted', () => {
  test('gives what the promise resolves to, and leaves nothing', async () => {
    const { signal } = new AbortController();
    const { promise, resolve } = Promise.withResolvers<string>();
    const waiting = abortable(promise, signal);
    await vi.advanceTimersByTimeAsync(3_600_000);
    resolve('there');
    expect(await waiting).toBe('there');
    expect(left(signal)).toEqual(idle);
  });

  test('rejects with the reason of the signal, and leaves nothing', async () => {
    const controller = new AbortController();
    const waiting = failureOf(abortable(never, controller.signal));
    await Promise.resolve();
    expect(left(controller.signal)).toEqual([0, 1]);
    controller.abort('enough');
    expect((await waiting).cause).toBe('enough');
    expect(left(controller.signal)).toEqual(idle);
  });
});
