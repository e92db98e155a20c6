import * as z from 'zod';

import { storeCall } from '../src/index.ts';
import type { SessionState, Spend, StateStore, StoredStep } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';

/** Options of `exportOwner()`. */
export interface ExportOwnerOptions {
  /** How long each call of the store may take, in milliseconds, before it fails with `store`. 0: no limit. Default: 5,000. */
  storeTimeoutMs?: number | undefined;
}

/** Everything that a store keeps of a session. */
export interface ExportedSession extends SessionState {
  /** The steps of the open turn; absent if no turn is open. */
  steps?: StoredStep[] | undefined;
}

const ownerSchema = z.object({ owner: z.string() });
const schema = z.strictObject({ storeTimeoutMs: z.number().min(0).max(Number.MAX_SAFE_INTEGER).optional() });

/**
 * Everything that a store keeps of an owner, one session at a time: messages, the steps of an open turn, metadata, times, usage and cost. The generator returns what the
 * owner has spent in total, including sessions that are gone.
 *
 * Data that is written in the meantime may be included or not; a session that is deleted in the meantime is left out. Throws the errors of the store, and at the first `next()`
 * `invalid_options` for an owner that is not a text or for wrong options.
 *
 * @example
 * for await (const session of exportOwner(store, 'user-123')) file.write(JSON.stringify(session) + '\n');
 */
export async function* exportOwner(
  store: StateStore,
  owner: string,
  options: ExportOwnerOptions = {},
): AsyncGenerator<ExportedSession, Spend, undefined> {
  parseOptions('exportOwner()', ownerSchema, { owner });
  const { storeTimeoutMs: timeoutMs } = parseOptions('exportOwner()', schema, options);
  let cursor: string | undefined;
  do {
    const page = await storeCall('list', () => store.list({ owner, cursor }), { timeoutMs });
    for (const { id } of page.sessions) {
      const session = await storeCall('load', () => store.load({ owner, id }), { timeoutMs });
      if (session?.open === undefined) {
        if (session !== undefined) yield session;
        continue;
      }
      const { open } = session;
      const steps = await storeCall('steps', () => store.steps({ owner, id }, open), { timeoutMs });
      yield { ...session, steps };
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return storeCall('spend', () => store.spend({ owner }), { timeoutMs });
}
