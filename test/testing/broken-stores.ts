import { SluiceError, isSluiceError } from 'sluice';
import type { AppendOptions, MemoryStore, SessionEntry, SessionKey, SessionState, StateStore } from 'sluice';

import { leaseLostError, noSessionError, sessionBusyError } from '../../src/session/store-errors.ts';
import { noSpend } from '../session/spend.ts';
import { brokenLists } from './broken-lists.ts';
import type { RotStore } from './rot-store.ts';

type Patch = (store: RotStore) => void;

const versionOf = async (store: StateStore, key: SessionKey): Promise<number> =>
  (await store.load(key, { last: 0 }))?.version ?? 0;

/** Changes the arguments of an append. */
function appending(
  change: (
    options: AppendOptions,
    key: SessionKey,
    store: RotStore,
  ) => AppendOptions | Promise<AppendOptions>,
): Patch {
  return (store) => {
    const append = store.append.bind(store);
    store.append = async (key, entries, options) => append(key, entries, await change(options, key, store));
  };
}

/** Changes the result of a load. */
function loading(change: (state: SessionState) => SessionState | undefined): Patch {
  return (store) => {
    const load = store.load.bind(store);
    store.load = async (...given) => {
      const state = await load(...given);
      return state === undefined ? undefined : change(state);
    };
  };
}

/** Changes the keys under which sessions are read and written. */
function keyed(change: (key: SessionKey) => SessionKey): Patch {
  return (store) => {
    const [load, append] = [store.load.bind(store), store.append.bind(store)];
    store.load = async (key, options) => load(change(key), options);
    store.append = async (key, entries, options) => append(change(key), entries, options);
  };
}

/** Changes how sessions are leased. */
function leasing(change: (lease: MemoryStore['lease'], store: RotStore) => MemoryStore['lease']): Patch {
  return (store) => {
    store.lease = change(store.lease.bind(store), store);
  };
}

const anyVersion = appending(async (options, key, store) => ({
  ...options,
  expectedVersion: await versionOf(store, key),
}));
const noLease = appending((options) => ({ ...options, lease: undefined }));
const alwaysTaken = leasing((lease) => (key, ttlMs) => lease(key, ttlMs, { takeOver: true }));
const neverReleases = appending(({ release: _, ...options }) => options);
const forgetsTurns: Patch = (store) => {
  let count = 0;
  anyVersion(store);
  appending((options) => ({ ...options, turnId: `${options.turnId}#${count++}` }))(store);
};
const takesConflicts: Patch = (store) => {
  const append = store.append.bind(store);
  store.append = (...given) => append(...given).catch(orConflict(1));
};
/** Returns corrupt data instead of an error. */
const numb: Patch = (store) => void (store.rotten.set = () => store.rotten);

/** For each case, a store that breaks it. */
export const brokenStores: Readonly<Record<string, Patch>> = {
  'knows nothing of a session that nobody wrote to': (store) => {
    store.turn = async (_key, turnId) => ({ turnId, messages: [], version: 0 });
  },
  'appends in order and counts the version up': (store) => {
    const append = store.append.bind(store);
    store.append = async (...given) => (await append(...given)) + 1;
  },
  'refuses an append to another version than the writer saw': anyVersion,
  'stores the same turn once, whatever version it expects the second time': forgetsTurns,
  'keeps turn ids of different sessions apart': (store) => {
    const append = store.append.bind(store);
    const seen = new Set<string>();
    store.append = async (key, entries, options) => {
      if (seen.has(options.turnId)) return 1;
      seen.add(options.turnId);
      return append(key, entries, options);
    };
  },
  'gives a turn back as it was appended': (store) => {
    const turn = store.turn.bind(store);
    store.turn = async (...given) => {
      const stored = await turn(...given);
      return stored === undefined ? undefined : { ...stored, end: undefined };
    };
  },
  'stores messages, metadata, pending calls and sums in one append': appending((options) => ({
    ...options,
    pending: options.metadata === undefined ? options.pending : undefined,
  })),
  'stores an end without messages, and nothing at all never': (store) => {
    const append = store.append.bind(store);
    store.append = async (key, entries, options) =>
      entries.length === 0 && options.end === undefined ? 1 : append(key, entries, options);
  },
  'refuses what is no message, no plain data and no turn id, and stores nothing of it': appending(
    (options) => ({
      ...options,
      metadata: options.metadata && JSON.parse(JSON.stringify(options.metadata)),
    }),
  ),
  'copies what goes in and what comes out': (store) => {
    const load = store.load.bind(store);
    const seen = new Map<string, SessionState | undefined>();
    store.load = async (...given) => {
      const state = await load(...given);
      const name = JSON.stringify([given, state?.version]);
      if (!seen.has(name)) seen.set(name, state);
      return seen.get(name);
    };
  },
  'update merges metadata, takes undefined away and refuses another version': (store) => {
    const update = store.update.bind(store);
    store.update = async (key, metadata, options) =>
      update(key, JSON.parse(JSON.stringify(metadata)), options);
  },
  'update begins a session at version 0': (store) => {
    const update = store.update.bind(store);
    store.update = async (key, metadata, options) => {
      if (options.expectedVersion === 0) throw noSessionError(key);
      return update(key, metadata, options);
    };
  },
  'load with last gives the newest messages only, and how many there are': (store) => {
    const load = store.load.bind(store);
    store.load = async (key, { last } = {}) => load(key, { last: last === undefined ? last : last + 1 });
  },
  'holds 10,000 messages and reads the newest of them': loading((state) => ({
    ...state,
    messageCount: Math.min(state.messageCount, 9_999),
  })),
  ...brokenLists,
  'forks a session, or its beginning; the two go on apart': (store) => {
    const fork = store.fork.bind(store);
    store.fork = async (key) => fork(key);
  },
  'a fork has spent nothing and knows no turns; nothing is paid twice': (store) => {
    const [spend, fork] = [store.spend.bind(store), store.fork.bind(store)];
    let forks = 0;
    store.fork = async (...given) => {
      forks++;
      return fork(...given);
    };
    store.spend = async (scope) => {
      const sum = await spend(scope);
      return { ...sum, cost: { ...sum.cost, totalUsd: (sum.cost.totalUsd ?? 0) * (forks + 1) } };
    };
  },
  'refuses to fork what is not there': (store) => {
    const fork = store.fork.bind(store);
    store.fork = async (key, at) => {
      if ((await store.load(key)) === undefined) return { owner: '', id: 'new' };
      return fork(key, at);
    };
  },
  'delete takes a session away with its turns, and one that is not there without a word': (store) => {
    const remove = store.delete.bind(store);
    store.delete = async (key) => {
      if ((await store.load(key)) === undefined) throw noSessionError(key);
      await remove(key);
    };
  },
  'forget deletes all that is an owner’s, and says how many sessions that were': (store) => {
    store.forget = async (owner) => {
      const { sessions } = await store.list({ owner, limit: 1_000 });
      for (const { id } of sessions) await store.delete({ owner, id });
      return sessions.length;
    };
  },
  'spend is exactly nothing where nothing is known': (store) => {
    const spend = store.spend.bind(store);
    store.spend = async (scope) => {
      const sum = await spend(scope);
      return sum.turns === 0 ? { ...sum, cost: { status: 'unknown' } } : sum;
    };
  },
  'adds usage and cost of the turns up, by session and by owner': (store) => {
    const spend = store.spend.bind(store);
    store.spend = async ({ owner, id }) => (id === undefined ? spend({ owner: '' }) : spend({ owner, id }));
  },
  'one estimate makes a sum estimated, one unknown cost makes it unknown for good': (store) => {
    const spend = store.spend.bind(store);
    store.spend = async (scope) => {
      const sum = await spend(scope);
      return sum.cost.status === 'estimated' ? { ...sum, cost: { ...sum.cost, status: 'exact' } } : sum;
    };
  },
  "an owner's spend outlives the deletion of the sessions": (store) => {
    const spend = store.spend.bind(store);
    store.spend = async ({ owner, id }) => {
      if (id !== undefined) return spend({ owner, id });
      const [only] = (await store.list({ owner })).sessions;
      return only === undefined ? noSpend() : spend({ owner, id: only.id });
    };
  },
  'loses nothing of an owner’s spend when many sessions end at once': (store) => {
    const spend = store.spend.bind(store);
    const append = store.append.bind(store);
    let busy = 0;
    let lost = 0;
    store.append = async (...given) => {
      if (++busy > 1) lost++;
      return append(...given).finally(() => busy--);
    };
    store.spend = async (scope) => {
      const sum = await spend(scope);
      return { ...sum, turns: sum.turns - lost };
    };
  },
  'a leased session is busy until the lease is released, and only that session': alwaysTaken,
  'appends under the lease, and reads without one': (store) => {
    const [lease, load] = [store.lease.bind(store), store.load.bind(store)];
    let leased = 0;
    store.lease = async (...given) => {
      leased++;
      const mine = await lease(...given);
      return { ...mine, release: () => (leased--, mine.release()) };
    };
    store.load = async (...given) => {
      if (leased > 0) throw sessionBusyError(given[0]);
      return load(...given);
    };
  },
  'a lease that ran out goes to the next writer, and the late one is refused': noLease,
  'an append that was stored is acknowledged again, even when the lease is lost by then': (store) => {
    const [lease, append] = [store.lease.bind(store), store.append.bind(store)];
    let newest = 0;
    store.lease = async (...given) => {
      const mine = await lease(...given);
      newest = mine.token;
      return mine;
    };
    store.append = async (key, entries, options) => {
      if (options.lease !== undefined && options.lease.token < newest) throw leaseLostError(key);
      return append(key, entries, options);
    };
  },
  'an append under an id that another run of its turn has stored is refused': appending((options) => ({
    ...options,
    end: options.end && { ...options.end, leaseToken: undefined },
  })),
  'an append gives its lease back where it stores, and is acknowledged again': neverReleases,
  'takeOver takes the session at once; the one it was taken from can do nothing any more': leasing(
    (lease) => (key, ttlMs) => lease(key, ttlMs),
  ),
  'renew puts the end off, again and again': leasing((lease) => async (...given) => {
    const mine = await lease(...given);
    const { token, expiresAt, renew, release } = mine;
    return { token, expiresAt, renew, release, [Symbol.asyncDispose]: release };
  }),
  'release ends a lease for good, and may be called twice': leasing((lease) => async (...given) => {
    const mine = await lease(...given);
    return { ...mine, renew: () => Promise.resolve() };
  }),
  'deletion ends a lease, also when the session begins anew': noLease,
  'gives one lease to many who ask at once': alwaysTaken,
  'refuses a lease of no time': leasing((lease) => (key, ttlMs, options) => lease(key, ttlMs || 1, options)),
  'expiresAt moves with each append, update and lease, and not with a read': loading((state) => ({
    ...state,
    expiresAt: Date.now() + 60_000,
  })),
  'a session that nobody used is gone with all that belongs to it, but not what was spent': (store) => {
    const spend = store.spend.bind(store);
    store.spend = async (scope) =>
      (await store.list({ owner: scope.owner })).sessions.length === 0 ? noSpend() : spend(scope);
  },
  'what begins in the place of a session that expired has nothing of it': (store) => {
    const load = store.load.bind(store);
    const kept: Record<string, unknown> = {};
    store.load = async (...given) => {
      const state = await load(...given);
      if (state !== undefined) Object.assign(kept, state.metadata);
      return state === undefined ? undefined : { ...state, metadata: { ...kept } };
    };
    appending((options) => ({ ...options, metadata: { ...options.metadata, ...kept, old: true } }))(store);
  },
  'a session lives as long as it is leased': (store) => {
    const load = store.load.bind(store);
    store.load = async (...given) => {
      const state = await load(...given);
      return state !== undefined && state.updatedAt + 40 < Date.now() ? undefined : state;
    };
  },
  'a lease ends with its session: no renewal brings back what has expired': leasing(
    (lease) =>
      async (...given) => ({ ...(await lease(...given)), renew: () => Promise.resolve() }),
  ),
  'no write at its old version brings back a session that expired': anyVersion,
  'tokens go on where a session expired': leasing((lease) => async (...given) => ({
    ...(await lease(...given)),
    token: 1,
  })),
  'takes any text for an id: none is read, none is taken for another': keyed((key) =>
    typeof key === 'string' ? key : { ...key, id: key.id.toLowerCase() },
  ),
  'takes any text for an owner, a turn id and a key of the metadata': appending((options) => ({
    ...options,
    turnId: options.turnId.normalize('NFC'),
  })),
  'sessions of two owners never meet, however their names are joined': keyed((key) =>
    typeof key === 'string' ? key : { owner: key.owner.slice(0, 42), id: `${key.owner.slice(42)}:${key.id}` },
  ),
  'takes an id alone for one of the owner with no name': keyed((key) =>
    typeof key === 'string' ? { owner: 'default', id: key } : key,
  ),
  'takes ids of 512 bytes, and refuses longer ones, empty ones and half characters': (store) => {
    const load = store.load.bind(store);
    store.load = async (...given) => load(...given).catch(() => undefined);
  },
  'gives every kind of part back as it was, byte for byte': loading((state) => ({
    ...state,
    messages: state.messages.map((message) => ({
      ...message,
      content:
        typeof message.content === 'string'
          ? message.content
          : message.content.map((part) => ({ ...part, ...('block' in part && { block: undefined }) })),
    })),
  })),
  'keeps a key __proto__ as data': loading((state) => ({
    ...state,
    metadata: JSON.parse(
      JSON.stringify(state.metadata, (key, value: unknown) => (key === '__proto__' ? undefined : value)),
    ),
  })),
  'keeps half characters of a cut text': loading((state) => ({
    ...state,
    messages: state.messages.map((message) => ({
      ...message,
      content: typeof message.content === 'string' ? message.content.toWellFormed() : message.content,
    })),
  })),
  'keeps megabytes: in a message, in many, in the metadata': (store) => {
    const append = store.append.bind(store);
    store.append = async (key, entries: readonly SessionEntry[], options) => {
      if (JSON.stringify(entries).length > 1_000_000) throw new SluiceError('store', 'Too long.');
      return append(key, entries, options);
    };
  },
  'loses nothing of what 20 writers append at once, each trying again after a conflict': takesConflicts,
  'of those who saw the same version one wins': takesConflicts,
  'stores a turn once when two writers append it at once': forgetsTurns,
  'loses no update of the metadata': (store) => {
    const update = store.update.bind(store);
    store.update = (...given) => update(...given).catch(orConflict(1));
  },
  ...Object.fromEntries(
    [
      'no JSON',
      'another shape',
      'an unknown kind of part',
      'no schema version',
      'a schema version to come',
      'no object',
    ].map((what) => [`names the session of which a turn cannot be read, not what it holds: ${what}`, numb]),
  ),
};

/** Treats a conflict as a success. */
function orConflict(version: number): (error: unknown) => number {
  return (error) => {
    if (isSluiceError(error) && error.code === 'conflict') return version;
    throw error;
  };
}
