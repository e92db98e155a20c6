import * as z from 'zod';

import { storeCall } from '../src/index.ts';
import type { Branch, Message, SessionState, Spend, StateStore, StoredStep } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';

/** Options of `exportOwner()`. */
export interface ExportOwnerOptions {
  /** How long each call of the store may take, in milliseconds, before it fails with `store`. 0: no limit. Default: 5,000. */
  storeTimeoutMs?: number | undefined;
}

/** A branch of a session that is not the loaded one. */
export interface ExportedBranch extends Branch {
  /** The messages of its own: those after its `parent`. */
  messages: Message[];
  /** The ids of these messages. */
  ids: string[];
  /** The steps of its open turn; absent if it has none. */
  steps?: StoredStep[] | undefined;
}

/** Everything that a store keeps of a session. Its messages are those of the branch that is loaded. */
export interface ExportedSession extends SessionState {
  /** The steps of the open turn; absent if no turn is open. */
  steps?: StoredStep[] | undefined;
  /** The other branches; absent if there are none. */
  branches?: ExportedBranch[] | undefined;
}

const ownerSchema = z.object({ owner: z.string() });
const schema = z.strictObject({ storeTimeoutMs: z.number().min(0).max(Number.MAX_SAFE_INTEGER).optional() });

/**
 * Everything that a store keeps of an owner, one session at a time: messages of all branches, the steps of open turns, metadata, times, usage and cost. The generator returns what the
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
      const session = await exported(store, { owner, id }, timeoutMs);
      if (session !== undefined) yield session;
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return storeCall('spend', () => store.spend({ owner }), { timeoutMs });
}

interface Key {
  owner: string;
  id: string;
}

async function exported(
  store: StateStore,
  key: Key,
  timeoutMs: number | undefined,
): Promise<ExportedSession | undefined> {
  const session = await storeCall('load', () => store.load(key, { ids: true }), { timeoutMs });
  if (session === undefined) return undefined;
  const branches: ExportedBranch[] = [];
  for (const branch of await storeCall('branches', () => store.branches(key), { timeoutMs })) {
    const { id: leaf, parent, isHead, open } = branch;
    if (isHead) continue;
    const way = await storeCall('load', () => store.load(key, { leaf, ids: true }), { timeoutMs });
    if (way === undefined) continue;
    const from = (way.ids?.indexOf(parent) ?? -1) + 1;
    const own = { messages: way.messages.slice(from), ids: way.ids?.slice(from) ?? [] };
    branches.push({ ...branch, ...own, ...(await stepsOf(store, key, open, timeoutMs)) });
  }
  const steps = await stepsOf(store, key, session.open, timeoutMs);
  return { ...session, ...steps, ...(branches.length > 0 && { branches }) };
}

async function stepsOf(
  store: StateStore,
  key: Key,
  open: string | undefined,
  timeoutMs: number | undefined,
): Promise<{ steps?: StoredStep[] }> {
  if (open === undefined) return {};
  return { steps: await storeCall('steps', () => store.steps(key, open), { timeoutMs }) };
}
