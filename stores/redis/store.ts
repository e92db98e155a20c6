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
  listCursor,
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
import type { LeaseCommands } from './lease.ts';
import { storeSchema } from './options.ts';
import type { RedisStoreOptions, RedisStoreSettings } from './options.ts';
import { Owners } from './owners.ts';
import { sessionOf, textsOf, turnOf } from './replies.ts';
import type { Answer, ReadSession } from './replies.ts';
import { Sessions } from './sessions.ts';
import { Server } from './server.ts';
import type { StoreCall } from './server.ts';
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
    this.#server = new Server(client, timeoutMs, 'session store');
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
    const read = await this.#server.call('load', (call) => this.#read(call, place, last));
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
    return this.#server.call('turn', (call) => this.#turn(call, place, turnId));
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
    return this.#server.call('append', async (call) => {
      const begins = expectedVersion === 0;
      const answer = await this.#sessions.append(call, place, argsWith, { begins, turn });
      // A turn that is stored does not change: it can be looked at after the append.
      if (answer.word === 'known' && end?.leaseToken !== undefined)
        checkSameRun(key, end, (await this.#turn(call, place, turnId))?.end ?? end);
      return versionOf(key, answer, expectedVersion);
    });
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
    const begins = expectedVersion === 0;
    const answer = await this.#server.call('update', (call) =>
      this.#sessions.write(call, UPDATE, place, args, { begins }),
    );
    return versionOf(key, answer, expectedVersion);
  }

  async spend(scope: SpendScope): Promise<Spend> {
    checkSpend(scope);
    const { owner, id } = scope;
    const read = await this.#server.call('spend', async (call) =>
      id === undefined ? this.#owners.spend(call, owner) : this.#read(call, { owner, id }, 0),
    );
    if (read === undefined) return noSpend();
    const { usage, cost, turns } = read;
    return { usage, cost, turns };
  }

  async list(options: ListOptions): Promise<SessionPage> {
    const { owner, limit, after } = checkList(options, STORE);
    const sessions: SessionPage['sessions'] = [];
    let behind = after;
    while (sessions.length < limit) {
      const asked = Math.min(limit - sessions.length, MOST_LOOKS);
      const { ids, found } = await this.#server.call('list', async (call) => {
        const ids = await this.#owners.page(call, owner, behind, asked);
        return { ids, found: await this.#owners.look(call, owner, ids) };
      });
      sessions.push(...found.map(({ id, version, updatedAt }) => ({ owner, id, version, updatedAt })));
      if (ids.length < asked) return { sessions };
      behind = ids.at(-1);
    }
    const more = await this.#server.call('list', (call) => this.#owners.page(call, owner, behind, 1));
    if (behind === undefined || more.length === 0) return { sessions };
    return { sessions, cursor: listCursor(STORE, owner, behind) };
  }

  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const { owner } = checkFork(key, at);
    const place = checkSessionKey(key);
    const read = await this.#server.call('fork', (call) => this.#read(call, place, undefined));
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
    return this.#server.call('fork', async (call) => {
      try {
        await this.#sessions.write(call, COPY, copy, args, { begins: true });
        this.#server.check(call);
        return copy;
      } catch (error) {
        // It may be written all the same, and nobody knows its id.
        this.#sessions.later(this.#server.call('delete', (again) => this.#delete(again, copy)));
        throw error;
      }
    });
  }

  async delete(key: SessionKey): Promise<void> {
    const place = checkSessionKey(key);
    await this.#server.call('delete', (call) => this.#delete(call, place));
  }

  async forget(owner: string): Promise<number> {
    checkOwner(owner);
    let deleted = 0;
    let behind: string | undefined;
    for (;;) {
      // Each page has a time of its own: an owner may have any number of sessions.
      const ids = await this.#server.call('forget', async (call) => {
        const ids = await this.#owners.page(call, owner, behind, MOST_LOOKS);
        const were = await Promise.all(ids.map((id) => this.#delete(call, { owner, id })));
        deleted += were.filter(Boolean).length;
        await this.#sessions.unlist(call, owner, ids);
        return ids;
      });
      if (ids.length < MOST_LOOKS) break;
      behind = ids.at(-1);
    }
    await this.#server.call('forget', (call) => this.#owners.clear(call, owner));
    return deleted;
  }

  async lease(key: SessionKey, ttlMs: number, options: LeaseOptions = {}): Promise<Lease> {
    const place = checkLease(key, ttlMs);
    const takeOver = options.takeOver === true ? '1' : '0';
    const args = [place.id, milliseconds(ttlMs), takeOver, crypto.randomUUID(), this.#ttl];
    return this.#server.call('lease', async (call) => {
      const { word, values } = await this.#sessions.write(call, LEASE, place, args);
      if (word === 'busy') throw sessionBusyError(key);
      const [token, expiresAt, isNew] = values;
      const granted = { token: Number(token), expiresAt: Number(expiresAt) };
      const lease = new RedisLease(key, granted, this.#leaseCommands(place));
      try {
        // It is in the index, so that forget() finds it.
        if (isNew === '1') await this.#sessions.list(call, place);
        this.#server.check(call);
        return lease;
      } catch (error) {
        // Nobody has it: it would keep the session busy.
        this.#sessions.later(lease.release());
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    try {
      await this.#server.call('close', async (call) => {
        await this.#sessions.idle();
        if (this.#own) await this.#server.close(call);
      });
    } catch (error) {
      // A server that does not answer keeps no connection of ours, and no process from ending.
      if (this.#own) this.#server.destroy();
      throw error;
    }
  }

  #leaseCommands(place: Place): LeaseCommands {
    return {
      renew: (token, ms) =>
        this.#server.call('renew', async (call) => {
          const asked = [String(token), milliseconds(ms), this.#ttl];
          const [till] = textsOf(call.doing, await this.#sessions.run(call, RENEW, place, asked));
          return till === undefined ? undefined : Number(till);
        }),
      release: async (token) => {
        const asked = [place.id, String(token)];
        await this.#server.call('release', (call) => this.#sessions.write(call, RELEASE, place, asked));
      },
    };
  }

  async #read(call: StoreCall, place: Place, last: number | undefined): Promise<ReadSession | undefined> {
    const args = [last === undefined ? '' : String(last)];
    return sessionOf(call.doing, place, await this.#sessions.run(call, LOAD, place, args), last);
  }

  async #turn(call: StoreCall, place: Place, turnId: string): Promise<StoredTurn | undefined> {
    return turnOf(call.doing, place, turnId, await this.#sessions.run(call, TURN, place, [turnId]));
  }

  async #delete(call: StoreCall, place: Place): Promise<boolean> {
    const { word } = await this.#sessions.write(call, DELETE, place, [place.id]);
    return word === '1';
  }
}

/** What cursors say who made them. */
const STORE = 'redis';

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
