/**
 * Runs with each test file that shares its process with others. Fails the file if it leaves something behind that would change how the next
 * one runs: fake timers, replaced globals, environment variables, listeners on the process, or an execution that was not closed, whose clock
 * would go on among the fake timers of the next file.
 */
import { afterAll, expect, vi } from 'vitest';
import { Timer } from '../../src/kit/timer.ts';

// This module is evaluated for each file. Between files, vitest restores all spies again. A spy on a fake timer would bring it back.
const kept = Symbol.for('sluice.test.globals');
const natives: unknown = Reflect.get(globalThis, kept) ?? globals();
Reflect.set(globalThis, kept, natives);
Object.assign(globalThis, natives);

const startedTimers = new Set<Timer>();
const { start } = Timer.prototype;
Timer.prototype.start = function startAndNote(ms) {
  // A fake one goes with the clock that it was started on.
  if (!vi.isFakeTimers()) startedTimers.add(this);
  start.call(this, ms);
};

const before = traces();
afterAll(async () => {
  Timer.prototype.start = start;
  expect(traces()).toEqual(before);
  // What was closed last may need some turns to end.
  for (let turn = 0; turn < 200 && runningTimers() > 0; turn++) await new Promise(setImmediate);
  expect(runningTimers(), 'timers of executions, streams or sessions that nobody closed').toBe(0);
});

function runningTimers(): number {
  return [...startedTimers].filter((timer) => timer.running).length;
}

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
