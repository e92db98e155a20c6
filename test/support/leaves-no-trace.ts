/**
 * Runs with each test file that shares its process with others. Fails the file if it leaves something behind that would change how the next
 * one runs: fake timers, replaced globals, environment variables or listeners on the process.
 */
import { afterAll, expect, vi } from 'vitest';

// This module is evaluated for each file. Between files, vitest restores all spies again. A spy on a fake timer would bring it back.
const kept = Symbol.for('sluice.test.globals');
const natives: unknown = Reflect.get(globalThis, kept) ?? globals();
Reflect.set(globalThis, kept, natives);
Object.assign(globalThis, natives);

const before = traces();
afterAll(() => expect(traces()).toEqual(before));

function traces(): Record<string, unknown> {
  const { debug, error, info, log, warn } = console;
  return {
    fakeTimers: vi.isFakeTimers(),
    globals: globals(),
    nextTick: process.nextTick,
    console: { debug, error, info, log, warn },
    environment: { ...process.env },
    folder: process.cwd(),
    listeners: Object.fromEntries(
      process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
    ),
  };
}

function globals(): Record<string, unknown> {
  const { clearInterval, clearTimeout, Date, fetch, queueMicrotask, setImmediate, setInterval, setTimeout } =
    globalThis;
  return { clearInterval, clearTimeout, Date, fetch, queueMicrotask, setImmediate, setInterval, setTimeout };
}
