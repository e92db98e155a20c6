import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SluiceError } from 'sluice';
import { abortable, delay } from '../../src/kit/index.ts';
import { failureOf } from '../core/harness.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const left = (signal: AbortSignal): number[] => [
  getEventListeners(signal, 'abort').length,
  vi.getTimerCount(),
];

test('R22 a finished wait leaves no listener and no timer', async () => {
  const { signal } = new AbortController();
  const waits = [delay(10, signal), abortable(Promise.resolve(1), signal)];
  await vi.advanceTimersByTimeAsync(10);
  expect(await Promise.all(waits)).toEqual([undefined, 1]);
  expect(left(signal)).toEqual([0, 0]);
});

test('R22 a wait ends when its signal aborts, with the reason of the signal', async () => {
  const abort = new AbortController();
  const waits = [delay(10, abort.signal), abortable(new Promise(() => undefined), abort.signal)].map(
    failureOf,
  );
  abort.abort(new SluiceError('shutting_down', 'Over.'));
  expect((await Promise.all(waits)).map(({ code }) => code)).toEqual(['shutting_down', 'shutting_down']);
  expect((await failureOf(delay(10, abort.signal))).code).toBe('shutting_down');
  expect(left(abort.signal)).toEqual([0, 0]);
  expect((await failureOf(delay(10, AbortSignal.abort('mine')))).cause).toBe('mine');
});
