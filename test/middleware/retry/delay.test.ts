import { getEventListeners } from 'node:events';
import { SluiceError } from 'sluice';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pause } from '../../../middleware/retry/delay.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('R12 a wait takes its listener away, whether it ends by time or by abort', async () => {
  const controller = new AbortController();
  const waiting = pause(500, controller.signal);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(500);
  await waiting;
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);

  const reason = new SluiceError('timeout', 'Too late.');
  const ended = expect(pause(500, controller.signal)).rejects.toMatchObject({
    code: 'aborted',
    cause: reason,
  });
  controller.abort(reason);
  await ended;
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  expect(vi.getTimerCount()).toBe(0);
  await expect(pause(500, controller.signal)).rejects.toMatchObject({ code: 'aborted' });
});
