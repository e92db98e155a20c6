import { SluiceError, isSluiceError } from 'sluice';
import type { AppendOptions, MemoryStore, SessionEntry, SessionKey, SessionState, StateStore } from 'sluice';

import { leaseLostError, noSessionError, sessionBusyError } from '../../src/session/store/store-errors.ts';
import { noSpend } from '../session/spend.ts';
import { brokenLists } from './broken-lists.ts';
import { brokenBranches } from './broken-branches.ts';
import { brokenSteps } from './broken-steps.ts';
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
  'returns undefined for a session that was never written': (store) => {
    store.turn = async (_key, turnId) => ({ turnId, messages: [], ids: [], version: 0 });
  },
  'keeps messages in the order they were appended, and increments the version': (store) => {
    const append = store.append.bind(store);
    store.append = async (...given) => (await append(...given)) + 1;
  },
  'rejects an append if the version has changed since the writer read it': anyVersion,
  'stores a repeated turn once, whatever version the repetition expects': forgetsTurns,
  'allows the same turn id in different sessions': (store) => {
    const append = store.append.bind(store);
    const seen = new Set<string>();
    store.append = async (key, entries, options) => {
      if (seen.has(options.turnId)) return 1;
      seen.add(options.turnId);
      return append(key, entries, options);
    };
  },
  'returns a turn as it was appended': (store) => {
    const turn = store.turn.bind(store);
    store.turn = async (...given) => {
      const stored = await turn(...given);
      return stored === undefined ? undefined : { ...stored, end: undefined };
    };
  },
  'stores messages, metadata and sums in one append': appending((options) => ({
    ...options,
    metadata: options.end === undefined ? options.metadata : undefined,
  })),
  'stores the end of a turn without messages, and rejects an empty append': (store) => {
    const append = store.append.bind(store);
    store.append = async (key, entries, options) =>
      entries.length === 0 && options.end === undefined ? 1 : append(key, entries, options);
  },
  'rejects invalid messages, metadata, versions and turn ids, and stores nothing': appending((options) => ({
    ...options,
    metadata: options.metadata && JSON.parse(JSON.stringify(options.metadata)),
  })),
  'copies what it is given and what it returns': (store) => {
    const load = store.load.bind(store);
    const seen = new Map<string, SessionState | undefined>();
    store.load = async (...given) => {
      const state = await load(...given);
      const name = JSON.stringify([given, state?.version]);
      if (!seen.has(name)) seen.set(name, state);
      return seen.get(name);
    };
  },
  'update merges metadata, removes keys set to undefined, and rejects a stale version': (store) => {
    const update = store.update.bind(store);
    store.update = async (key, metadata, options) =>
      update(key, JSON.parse(JSON.stringify(metadata)), options);
  },
  'update creates a session if the expected version is 0': (store) => {
    const update = store.update.bind(store);
    store.update = async (key, metadata, options) => {
      if (options.expectedVersion === 0) throw noSessionError(key);
      return update(key, metadata, options);
    };
  },
  'load with `last` returns only the newest messages, and the total count': (store) => {
    const load = store.load.bind(store);
    store.load = async (key, { last } = {}) => load(key, { last: last === undefined ? last : last + 1 });
  },
  'stores ten thousand messages and reads the newest of them': loading((state) => ({
    ...state,
    messageCount: Math.min(state.messageCount, 9_999),
  })),
  ...brokenLists,
  'forks a whole session or its first messages, and keeps copy and original independent': (store) => {
    const fork = store.fork.bind(store);
    store.fork = async (key) => fork(key);
  },
  'a fork starts without turns and spend, so nothing is counted twice': (store) => {
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
  'rejects a fork of a session that does not exist': (store) => {
    const fork = store.fork.bind(store);
    store.fork = async (key, at) => {
      if ((await store.load(key)) === undefined) return { owner: '', id: 'new' };
      return fork(key, at);
    };
  },
  'delete removes a session with its turns, and does nothing if the session does not exist': (store) => {
    const remove = store.delete.bind(store);
    store.delete = async (key) => {
      if ((await store.load(key)) === undefined) throw noSessionError(key);
      await remove(key);
    };
  },
  'forget deletes everything of an owner, and returns the number of sessions': (store) => {
    store.forget = async (owner) => {
      const { sessions } = await store.list({ owner, limit: 1_000 });
      for (const { id } of sessions) await store.delete({ owner, id });
      return sessions.length;
    };
  },
  'spend is an exact zero if no turn has ended': (store) => {
    const spend = store.spend.bind(store);
    store.spend = async (scope) => {
      const sum = await spend(scope);
      return sum.turns === 0 ? { ...sum, cost: { status: 'unknown' } } : sum;
    };
  },
  'sums usage and cost of all turns by session and by owner': (store) => {
    const spend = store.spend.bind(store);
    store.spend = async ({ owner, id }) => (id === undefined ? spend({ owner: '' }) : spend({ owner, id }));
  },
  'one estimate makes a sum estimated, and one unknown cost makes it unknown from then on': (store) => {
    const spend = store.spend.bind(store);
    store.spend = async (scope) => {
      const sum = await spend(scope);
      return sum.cost.status === 'estimated' ? { ...sum, cost: { ...sum.cost, status: 'exact' } } : sum;
    };
  },
  "keeps an owner's spend when sessions are deleted": (store) => {
    const spend = store.spend.bind(store);
    store.spend = async ({ owner, id }) => {
      if (id !== undefined) return spend({ owner, id });
      const [only] = (await store.list({ owner })).sessions;
      return only === undefined ? noSpend() : spend({ owner, id: only.id });
    };
  },
  "counts every turn in an owner's spend when many sessions write at once": (store) => {
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
  'a lease keeps others from leasing that session, and no other, until it is released': alwaysTaken,
  'appends with a lease, and reads without one': (store) => {
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
  'a session can be leased again after its lease expires, and the old lease is rejected': noLease,
  'repeating a stored append succeeds, even if the lease has been lost since': (store) => {
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
  'rejects an append if another run of the same turn has stored its own': appending((options) => ({
    ...options,
    end: options.end && { ...options.end, leaseToken: undefined },
  })),
  'an append with `release` releases its lease if it succeeds, and can be repeated': neverReleases,
  'takeOver takes a leased session at once, and the old lease is rejected from then on': leasing(
    (lease) => (key, ttlMs) => lease(key, ttlMs),
  ),
  'an append with a lost lease changes nothing, also after the newer lease was released': noLease,
  'renew sets a new end of the lease each time': leasing((lease) => async (...given) => {
    const mine = await lease(...given);
    const { token, expiresAt, renew, release } = mine;
    return { token, expiresAt, renew, release, [Symbol.asyncDispose]: release };
  }),
  'release ends a lease for good, and can be called twice': leasing((lease) => async (...given) => {
    const mine = await lease(...given);
    return { ...mine, renew: () => Promise.resolve() };
  }),
  'delete ends a lease, which stays invalid if the session is created again': noLease,
  'grants one lease if many are requested at once': alwaysTaken,
  'rejects a lease whose duration is not positive': leasing(
    (lease) => (key, ttlMs, options) => lease(key, ttlMs || 1, options),
  ),
  'every append, update and lease extends the life of a session, and a read does not': loading((state) => ({
    ...state,
    expiresAt: Date.now() + 60_000,
  })),
  "an unused session expires with all its data, except for the owner's spend": (store) => {
    const spend = store.spend.bind(store);
    store.spend = async (scope) =>
      (await store.list({ owner: scope.owner })).sessions.length === 0 ? noSpend() : spend(scope);
  },
  'a session created in place of an expired one contains nothing of it': (store) => {
    const load = store.load.bind(store);
    const kept: Record<string, unknown> = {};
    store.load = async (...given) => {
      const state = await load(...given);
      if (state !== undefined) Object.assign(kept, state.metadata);
      return state === undefined ? undefined : { ...state, metadata: { ...kept } };
    };
    appending((options) => ({ ...options, metadata: { ...options.metadata, ...kept, old: true } }))(store);
  },
  'a session does not expire while it is leased': (store) => {
    const load = store.load.bind(store);
    store.load = async (...given) => {
      const state = await load(...given);
      return state !== undefined && state.updatedAt + 40 < Date.now() ? undefined : state;
    };
  },
  'the lease of an expired session cannot be renewed': leasing((lease) => async (...given) => ({
    ...(await lease(...given)),
    renew: () => Promise.resolve(),
  })),
  'a write that expects an old version does not bring back an expired session': anyVersion,
  'the tokens of leases keep growing after a session has expired': leasing((lease) => async (...given) => ({
    ...(await lease(...given)),
    token: 1,
  })),
  'accepts any text as an id, without interpreting it or confusing it with another': keyed((key) =>
    typeof key === 'string' ? key : { ...key, id: key.id.toLowerCase() },
  ),
  'accepts any text as an owner, a turn id or a metadata key': appending((options) => ({
    ...options,
    turnId: options.turnId.normalize('NFC'),
  })),
  'keeps the sessions of two owners apart, even if owner and id join to the same text': keyed((key) =>
    typeof key === 'string' ? key : { owner: key.owner.slice(0, 42), id: `${key.owner.slice(42)}:${key.id}` },
  ),
  'treats an id without an owner as owned by the empty owner': keyed((key) =>
    typeof key === 'string' ? { owner: 'default', id: key } : key,
  ),
  'accepts ids up to the length limit, and rejects longer, empty and malformed ones': (store) => {
    const load = store.load.bind(store);
    store.load = async (...given) => load(...given).catch(() => undefined);
  },
  'returns every kind of message part byte for byte': loading((state) => ({
    ...state,
    messages: state.messages.map((message) => ({
      ...message,
      content:
        typeof message.content === 'string'
          ? message.content
          : message.content.map((part) => ({ ...part, ...('block' in part && { block: undefined }) })),
    })),
  })),
  'treats a key named __proto__ as data': loading((state) => ({
    ...state,
    metadata: JSON.parse(
      JSON.stringify(state.metadata, (key, value: unknown) => (key === '__proto__' ? undefined : value)),
    ),
  })),
  'preserves lone surrogates of a text that was cut inside a character': loading((state) => ({
    ...state,
    messages: state.messages.map((message) => ({
      ...message,
      content: typeof message.content === 'string' ? message.content.toWellFormed() : message.content,
    })),
  })),
  'stores megabytes in messages and in metadata': (store) => {
    const append = store.append.bind(store);
    store.append = async (key, entries: readonly SessionEntry[], options) => {
      if (JSON.stringify(entries).length > 1_000_000) throw new SluiceError('store', 'Too long.');
      return append(key, entries, options);
    };
  },
  'loses no append when many writers append at once and retry after conflicts': takesConflicts,
  'exactly one of several appends that expect the same version succeeds': takesConflicts,
  'stores a turn once if several writers append it at once': forgetsTurns,
  'loses no metadata update when many writers update at once': (store) => {
    const update = store.update.bind(store);
    store.update = (...given) => update(...given).catch(orConflict(1));
  },
  ...brokenSteps,
  ...brokenBranches,
  ...Object.fromEntries(
    [
      'text that is not JSON',
      'an object of the wrong shape',
      'an unknown kind of message part',
      'no schema version',
      'a schema version of a later release',
      'a value that is not an object',
    ].map((what) => [
      `fails on corrupt data with an error that names the session but not the data: ${what}`,
      numb,
    ]),
  ),
};

/** Treats a conflict as a success. */
function orConflict(version: number): (error: unknown) => number {
  return (error) => {
    if (isSluiceError(error) && error.code === 'conflict') return version;
    throw error;
  };
}
