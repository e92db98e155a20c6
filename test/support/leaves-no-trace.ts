/**
 * Runs with each test file that shares its process with others. Fails the file if it leaves something behind that would change how the next
 * one runs: fake timers, replaced globals, environment variables or listeners on the process.
 */
import { afterAll, expect, vi } from 'vitest';

const before = traces();
afterAll(() => expect(traces()).toEqual(before));

function traces(): Record<string, unknown> {
  const { clearTimeout, Date, fetch, queueMicrotask, setImmediate, setInterval, setTimeout } = globalThis;
  const { debug, error, info, log, warn } = console;
  return {
    fakeTimers: vi.isFakeTimers(),
    globals: { clearTimeout, Date, fetch, queueMicrotask, setImmediate, setInterval, setTimeout },
    nextTick: process.nextTick,
    console: { debug, error, info, log, warn },
    environment: { ...process.env },
    folder: process.cwd(),
    listeners: Object.fromEntries(
      process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
    ),
  };
}
