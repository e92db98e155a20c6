import {
  SluiceError,
  checkAppend,
  checkFork,
  checkLease,
  checkList,
  checkLoad,
  checkOwner,
  checkSameRun,
  checkSessionKey,
  checkSpend,
  checkTurn,
  checkUpdate,
  conflictError,
  encodeSession,
  encodeTurn,
  leaseLostError,
  noSessionError,
  noSpend,
  parseOptions,
  sessionBusyError,
} from '../../src/index.ts';
import type {
  AppendOptions,
  Lease,
  LeaseOptions,
  ListOptions,
  SessionEntry,
  SessionKey,
  SessionPage,
  SessionState,
  Spend,
  SpendScope,
  StateStore,
  StoredTurn,
} from '../../src/index.ts';
import { changesOf, listOf, milliseconds, rowsOf } from './arguments.ts';
import { Keys } from './keys.ts';
import type { Place } from './keys.ts';
import { RedisLease } from './lease.ts';
import { storeSchema } from './options.ts';
import type { RedisStoreOptions, RedisStoreSettings } from './options.ts';
import { Owners } from './owners.ts';
import { sessionOf, textsOf, turnOf } from './replies.ts';
import type { Answer, ReadSession } from './replies.ts';
import { Sessions } from './sessions.ts';
import { Server } from './server.ts';
import { COPY, DELETE, LEASE, LOAD, RELEASE, RENEW, TURN, UPDATE } from './session-scripts.ts';
import { additionsOf } from './sums.ts';

/**
 * Sessions in Redis or Valkey: on a single server, behind Sentinel, or in a Cluster. Each write is one script, so that it is there as a whole or not
 * at all. What Redis itself does not promise, of its files and of its replicas, is in `docs/stores/redis.md`.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const client = await createClient({ url: 'redis://localhost:6379' }).connect();
 * const pipeline = new Pipeline([provider(openai())], { store: redisStore({ client }) });
 */
export function redisStore(options: RedisStoreOptions): StateStore {
  return new RedisStore(parseOptions('redisStore()', storeSchema, options));
}

class RedisStore implements StateStore {
  readonly #server: Server;
  readonly #owners: Owners;
  readonly #sessions: Sessions;
  readonly #own: boolean;
  readonly #ttl: string;

  constructor({ client, own, prefix, ttlMs, timeoutMs }: RedisStoreSettings) {
    this.#server = new Server(client, timeoutMs);
    const keys = new Keys(prefix);
    this.#owners = new Owners(this.#server, keys);
    this.#sessions = new Sessions(this.#server, keys, this.#owners);
    this.#own = own;
    this.#ttl = ttlMs === undefined ? '' : milliseconds(ttlMs);
  }

  async load(
    key: SessionKey,
    options: { last?: number | undefined } = {},
  ): Promise<SessionState | undefined> {
    const place = checkLoad(key, options);
    const { last } = options;
    const read = await this.#read(place, last);
    if (read === undefined) return undefined;
    const { rows, ...rest } = read;
    const messages = rows.flat();
    return {
      ...rest,
      messages: last === undefined ? messages : messages.slice(Math.max(0, messages.length - last)),
    };
  }

  async turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    const place = checkTurn(key, turnId);
    return turnOf(place, turnId, await this.#sessions.run('turn', TURN, place, [turnId]));
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const place = checkAppend(key, entries, options);
    const { turnId, expectedVersion, lease, release, metadata = {}, pending, end } = options;
    const amounts = end === undefined ? [] : additionsOf(end);
    const argsWith = (ticket: string): string[] => [
      place.id,
      turnId,
      String(expectedVersion),
      lease === undefined ? '' : String(lease.token),
      release === true ? '1' : '0',
      this.#ttl,
      ticket,
      ...listOf(rowsOf(entries, end)),
      entries.length === 0 ? encodeTurn([], end) : '',
      pending === undefined ? '' : encodeSession({ metadata: {}, pending }),
      ...changesOf(metadata),
      ...listOf(amounts),
    ];
    const turn = end === undefined ? undefined : { turnId, amounts };
    const answer = await this.#sessions.append(place, argsWith, { begins: expectedVersion === 0, turn });
    // A turn that is stored does not change: it can be looked at behind the append.
    if (answer.word === 'known' && end?.leaseToken !== undefined)
      checkSameRun(key, end, (await this.turn(key, turnId))?.end ?? end);
    return versionOf(key, answer, expectedVersion);
  }

  async update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    const place = checkUpdate(key, metadata, options);
    const { expectedVersion } = options;
    const nonce = crypto.randomUUID();
    const args = [place.id, String(expectedVersion), this.#ttl, nonce, ...changesOf(metadata)];
    const answer = await this.#sessions.write('update', UPDATE, place, args, {
      begins: expectedVersion === 0,
    });
    return versionOf(key, answer, expectedVersion);
  }

  async spend(scope: SpendScope): Promise<Spend> {
    checkSpend(scope);
    const { owner, id } = scope;
    if (id === undefined) return this.#owners.spend(owner);
    const read = await this.#read({ owner, id }, 0);
    if (read === undefined) return noSpend();
    const { usage, cost, turns } = read;
    return { usage, cost, turns };
  }

  async list(options: ListOptions): Promise<SessionPage> {
    const { owner, limit, cursor } = checkList(options);
    const sessions: SessionPage['sessions'] = [];
    let behind = cursor;
    while (sessions.length < limit) {
      const asked = Math.min(limit - sessions.length, MOST_LOOKS);
      const ids = await this.#owners.page(owner, behind, asked);
      const found = await this.#owners.look(owner, ids);
      sessions.push(...found.map(({ id, version, updatedAt }) => ({ owner, id, version, updatedAt })));
      if (ids.length < asked) return { sessions };
      behind = ids.at(-1);
    }
    const more = await this.#owners.page(owner, behind, 1);
    return { sessions, ...(more.length > 0 && { cursor: behind }) };
  }

  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const { owner } = checkFork(key, at);
    const read = await this.#read(checkSessionKey(key), undefined);
    if (read === undefined) throw noSessionError(key);
    const copy = { owner, id: crypto.randomUUID() };
    const cut = at !== undefined && at < read.messageCount;
    const rows: string[] = [];
    let left = at ?? read.messageCount;
    for (const messages of read.rows) {
      const kept = messages.slice(0, Math.max(0, left)).map((message) => ({ message }));
      left -= kept.length;
      rows.push(...rowsOf(kept));
    }
    const pending = encodeSession({ metadata: {}, pending: cut ? [] : read.pending });
    const args = [copy.id, this.#ttl, pending, ...changesOf(read.metadata), ...listOf(rows)];
    await this.#sessions.write('fork', COPY, copy, args, { begins: true });
    return copy;
  }

  async delete(key: SessionKey): Promise<void> {
    await this.#delete(checkSessionKey(key));
  }

  async forget(owner: string): Promise<number> {
    checkOwner(owner);
    let deleted = 0;
    let behind: string | undefined;
    for (;;) {
      const ids = await this.#owners.page(owner, behind, MOST_LOOKS);
      for (const was of await Promise.all(ids.map((id) => this.#delete({ owner, id })))) if (was) deleted++;
      await this.#sessions.unlist(owner, ids);
      if (ids.length < MOST_LOOKS) break;
      behind = ids.at(-1);
    }
    await this.#owners.clear(owner);
    return deleted;
  }

  async lease(key: SessionKey, ttlMs: number, options: LeaseOptions = {}): Promise<Lease> {
    const place = checkLease(key, ttlMs);
    const takeOver = options.takeOver === true ? '1' : '0';
    const args = [place.id, milliseconds(ttlMs), takeOver, crypto.randomUUID(), this.#ttl];
    const { word, values } = await this.#sessions.write('lease', LEASE, place, args);
    if (word === 'busy') throw sessionBusyError(key);
    const [token, expiresAt, isNew] = values;
    // It is in the index, so that forget() finds it.
    if (isNew === '1') await this.#sessions.list(place);
    const granted = { token: Number(token), expiresAt: Number(expiresAt) };
    return new RedisLease(key, granted, {
      renew: async (mine, ms) => {
        const asked = [String(mine), milliseconds(ms), this.#ttl];
        const [till] = textsOf('renew', await this.#sessions.run('renew', RENEW, place, asked));
        return till === undefined ? undefined : Number(till);
      },
      release: async (mine) => {
        await this.#sessions.write('release', RELEASE, place, [place.id, String(mine)]);
      },
    });
  }

  async close(): Promise<void> {
    await this.#sessions.idle();
    if (this.#own) await this.#server.close();
  }

  async #read(place: Place, last: number | undefined): Promise<ReadSession | undefined> {
    const args = [last === undefined ? '' : String(last)];
    return sessionOf(place, await this.#sessions.run('load', LOAD, place, args));
  }

  async #delete(place: Place): Promise<boolean> {
    const { word } = await this.#sessions.write('delete', DELETE, place, [place.id]);
    return word === '1';
  }
}

/** Most sessions that are looked at at once. */
const MOST_LOOKS = 500;

/** The version of a write, or what it was refused for. */
function versionOf(key: SessionKey, { word, values }: Answer, expectedVersion: number): number {
  const version = Number(values[0]);
  if (word === 'stored' || word === 'known') return version;
  if (word === 'lease_lost') throw leaseLostError(key);
  if (word === 'conflict') throw conflictError(key, version, expectedVersion);
  throw new SluiceError('store', `The session store answered "${word}".`, { retryable: false });
}
