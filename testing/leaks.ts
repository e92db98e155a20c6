import { AsyncLocalStorage, createHook } from 'node:async_hooks';

import { settled } from './contract.ts';

/** Runs some work and counts the timers it leaves behind that would keep the process alive. */
export async function timersLeftBy(work: () => Promise<void>): Promise<number> {
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
    return [...timers.values()].filter(isHolding).length;
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
