import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Timer } from 'sluice/kit';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a timer', () => {
  test('fires once when its time is over', () => {
    const fired = vi.fn();
    const timer = new Timer(fired);
    timer.start(50);
    vi.advanceTimersByTime(49);
    expect([fired.mock.calls.length, timer.running]).toEqual([0, true]);
    vi.advanceTimersByTime(1);
    expect([fired.mock.calls.length, timer.running]).toEqual([1, false]);
    vi.advanceTimersByTime(1_000);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test('does not run before it is started', () => {
    const timer = new Timer(() => undefined);
    expect([timer.running, vi.getTimerCount()]).toEqual([false, 0]);
  });

  test('started again replaces the wait that is running', () => {
    const fired = vi.fn();
    const timer = new Timer(fired);
    timer.start(50);
    vi.advanceTimersByTime(40);
    timer.start(50);
    vi.advanceTimersByTime(49);
    expect([fired.mock.calls.length, vi.getTimerCount()]).toEqual([0, 1]);
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test('can be started again by what it calls', () => {
    const at: number[] = [];
    const begun = Date.now();
    const timer = new Timer(() => {
      at.push(Date.now() - begun);
      if (at.length < 3) timer.start(10);
    });
    timer.start(10);
    vi.advanceTimersByTime(15);
    expect([at, timer.running]).toEqual([[10], true]);
    vi.advanceTimersByTime(1_000);
    expect(at).toEqual([10, 20, 30]);
    expect(timer.running).toBe(false);
  });

  test('stopped does not fire', () => {
    const fired = vi.fn();
    const timer = new Timer(fired);
    timer.start(50);
    timer.stop();
    timer.stop();
    vi.advanceTimersByTime(1_000);
    expect([fired.mock.calls.length, timer.running, vi.getTimerCount()]).toEqual([0, false, 0]);
  });

  test('stops at the end of its scope', () => {
    const fired = vi.fn();
    {
      using timer = new Timer(fired);
      timer.start(50);
      expect(vi.getTimerCount()).toBe(1);
    }
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect(fired).not.toHaveBeenCalled();
  });

  test('waits longer than setTimeout can', () => {
    const fired = vi.fn();
    const timer = new Timer(fired);
    const sixtyDaysMs = 60 * 24 * 3_600_000;
    timer.start(sixtyDaysMs);
    vi.advanceTimersByTime(sixtyDaysMs - 1);
    expect([fired.mock.calls.length, timer.running]).toEqual([0, true]);
    vi.advanceTimersByTime(1);
    expect([fired.mock.calls.length, timer.running]).toEqual([1, false]);
  });

  test('a long wait can be stopped in each of its parts', () => {
    const fired = vi.fn();
    const timer = new Timer(fired);
    timer.start(60 * 24 * 3_600_000);
    vi.advanceTimersByTime(30 * 24 * 3_600_000);
    timer.stop();
    vi.advanceTimersByTime(90 * 24 * 3_600_000);
    expect([fired.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test('a short wait after a long one is short', () => {
    const fired = vi.fn();
    const timer = new Timer(fired);
    timer.start(60 * 24 * 3_600_000);
    timer.start(5);
    vi.advanceTimersByTime(5);
    expect([fired.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  test('for an infinite time never fires, and replaces the wait that was running', () => {
    const fired = vi.fn();
    const timer = new Timer(fired);
    timer.start(5);
    timer.start(Number.POSITIVE_INFINITY);
    expect([timer.running, vi.getTimerCount()]).toEqual([false, 0]);
    vi.advanceTimersByTime(1_000);
    expect(fired).not.toHaveBeenCalled();
  });
});

test.each([
  [true, true],
  [false, false],
])('with keepAlive %s the process waits for it: %s', (keepAlive, waits) => {
  vi.useRealTimers();
  const handles = vi.spyOn(globalThis, 'setTimeout');
  using timer = new Timer(() => undefined, { keepAlive });
  timer.start(60_000);
  const handle = handles.mock.results[0]?.value as NodeJS.Timeout;
  handles.mockRestore();
  expect(handle.hasRef()).toBe(waits);
});
