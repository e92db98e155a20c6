import { isSluiceError } from '../errors.ts';
import { noSessionError } from './store/store-errors.ts';
import type { Lease, SessionKey } from './store/store.ts';
import type { TimedStore } from './store/timed-store.ts';
import { PAUSED } from './turn-begin.ts';
import { LEASE_MS } from './turn-lease.ts';

/** How often it is tried after a conflict. Only an `update` can cause one, because the lease is held. */
const CONFLICTS = 5;

/**
 * Makes a message the newest one of its session. Rejects with `session_busy` if a turn is running, and with `not_found` if there is no such session or message.
 */
export async function switchBranch(store: TimedStore, key: SessionKey, leafId: string): Promise<void> {
  const lease = await store.lease(key, LEASE_MS);
  try {
    await moveHead(store, key, leafId, lease);
  } finally {
    // It expires by itself. A store that fails twice has one error: the first.
    await lease.release().catch(() => undefined);
  }
}

async function moveHead(store: TimedStore, key: SessionKey, leafId: string, lease: Lease): Promise<void> {
  for (let conflicts = 0; ; conflicts++) {
    const state = await store.load(key, { last: 1, ids: true });
    if (state === undefined) throw noSessionError(key);
    if (state.ids?.[0] === leafId) return;
    const { version: expectedVersion, metadata } = state;
    try {
      await store.append(key, [], {
        ...{ expectedVersion, turnId: crypto.randomUUID(), after: leafId, lease },
        ...(metadata[PAUSED] === true && { metadata: { [PAUSED]: undefined } }),
      });
      return;
    } catch (error) {
      if (conflicts >= CONFLICTS || !isSluiceError(error) || error.code !== 'conflict') throw error;
    }
  }
}
