import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SluiceError } from 'sluice';
import { delay, unlessAborted, within } from '../../src/session/delay.ts';
import { failureOf } from '../core/harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const left = (signal: AbortSignal): number[] => [
  getEventListeners(signal, 'abort').length,
  vi.getTimerCount(),
];

test('R22 a wait that is over leaves no listener and no timer', async () => {
  const { signal } = new AbortController();
  const waits = [
    delay(10, signal),
    unlessAborted(Promise.resolve(1), signal),
    within(10, Promise.resolve(2), late),
  ];
  await vi.advanceTimersByTimeAsync(10);
  expect(await Promise.all(waits)).toEqual([undefined, 1, 2]);
  expect(left(signal)).toEqual([0, 0]);
});

test('R22 a wait ends with its signal, whose reason it gives', async () => {
  const abort = new AbortController();
  const waits = [delay(10, abort.signal), unlessAborted(new Promise(() => undefined), abort.signal)].map(
    failureOf,
  );
  abort.abort(new SluiceError('shutting_down', 'Over.'));
  expect((await Promise.all(waits)).map(({ code }) => code)).toEqual(['shutting_down', 'shutting_down']);
  expect((await failureOf(delay(10, abort.signal))).code).toBe('shutting_down');
  expect(left(abort.signal)).toEqual([0, 0]);
  expect((await failureOf(delay(10, AbortSignal.abort('mine')))).cause).toBe('mine');
});

test('what takes too long is an error; what comes later troubles nobody', async () => {
  const slow = Promise.withResolvers<never>();
  const wait = failureOf(within(10, slow.promise, late));
  await vi.advanceTimersByTimeAsync(10);
  expect((await wait).message).toBe('Late.');
  slow.reject(new Error('later'));
  await vi.advanceTimersByTimeAsync(0);
});

function late(): SluiceError {
  return new SluiceError('store', 'Late.');
}
