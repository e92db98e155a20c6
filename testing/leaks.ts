import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { settled } from './contract.ts';

/**
 * Runs some work and counts the timers it leaves behind that would keep the process alive. `closingMs`: a client of a service may hold one until the other side has closed its
 * connection, so that they have this long to go. Default: 0.
 */
export async function timersLeftBy(work: () => Promise<void>, { closingMs = 0 } = {}): Promise<number> {
  const mine = new AsyncLocalStorage<true>();
  const timers = new Map<number, object>();
  const hook = createHook({
    init(id, type, _trigger, resource) {
      if (type === 'Timeout' && mine.getStore() === true) timers.set(id, resource);
    },
    destroy: (id) => timers.delete(id),
  }).enable();
  try {
    await mine.run(true, work);
    await settled(); // the destroy hook runs one turn later
    const left = (): number => [...timers.values()].filter(isHolding).length;
    for (const since = performance.now(); left() > 0 && performance.now() - since < closingMs;) await turn();
    return left();
  } finally {
    hook.disable();
  }
}

function isHolding(timer: object): boolean {
  return !('hasRef' in timer) || typeof timer.hasRef !== 'function' || timer.hasRef() === true;
}

/**
 * Runs some work and returns the rejections that nobody handled. Other listeners are removed in the meantime, because the test runner's
 * own listener would fail whichever test is running.
 */
export async function unhandledRejectionsOf(work: () => Promise<void>): Promise<unknown[]> {
  const others = process.listeners('unhandledRejection');
  const reasons: unknown[] = [];
  function onUnhandled(reason: unknown): void {
    reasons.push(reason);
  }
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onUnhandled);
  try {
    await work();
    await settled();
    return reasons;
  } finally {
    process.off('unhandledRejection', onUnhandled);
    for (const other of others) process.on('unhandledRejection', other);
  }
}
