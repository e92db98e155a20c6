import { checkOwner } from '../src/index.ts';
import type { SessionState, Spend, StateStore } from '../src/index.ts';

/**
 * All that a store keeps of an owner, one session at a time: messages, metadata, pending calls, times, usage and cost. The generator returns what the
 * owner has spent in all, sessions that are gone by now included.
 *
 * What is written meanwhile may be in it or not; a session that is deleted meanwhile is left out. Throws what the store does, at the first `next()`
 * `invalid_options` for an owner that is none.
 *
 * @example
 * for await (const session of exportOwner(store, 'user-123')) file.write(JSON.stringify(session) + '\n');
 */
export async function* exportOwner(
  store: StateStore,
  owner: string,
): AsyncGenerator<SessionState, Spend, undefined> {
  checkOwner(owner);
  let cursor: string | undefined;
  do {
    const page = await store.list({ owner, cursor });
    for (const { id } of page.sessions) {
      const session = await store.load({ owner, id });
      if (session !== undefined) yield session;
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return store.spend({ owner });
}
