import { SluiceError, isSluiceError } from 'sluice';
import type { AppendOptions, RecordOptions, StateStore, Step, StoredStep } from 'sluice';

import type { RotStore } from './rot-store.ts';

type Patch = (store: RotStore) => void;
type Record = StateStore['record'];

/** Changes how steps are recorded. */
function recording(change: (record: Record, store: RotStore) => Record): Patch {
  return (store) => {
    store.record = change(store.record.bind(store), store);
  };
}

/** Changes the options of a record. */
function recordedWith(change: (options: RecordOptions) => RecordOptions): Patch {
  return recording((record) => (key, turnId, steps, options) => record(key, turnId, steps, change(options)));
}

/** Changes the options of an append. */
function appendedWith(change: (options: AppendOptions) => AppendOptions): Patch {
  return (store) => {
    const append = store.append.bind(store);
    store.append = (key, entries, options) => append(key, entries, change(options));
  };
}

/** Changes what is read of steps. */
function reading(change: (steps: StoredStep[]) => StoredStep[]): Patch {
  return (store) => {
    const steps = store.steps.bind(store);
    store.steps = async (...given) => change(await steps(...given));
  };
}

/** Treats errors of a code as success. */
function ignoring(...codes: string[]): Patch {
  return recording((record) => async (key, turnId, steps, options) => {
    try {
      return await record(key, turnId, steps, options);
    } catch (error) {
      if (isSluiceError(error) && codes.includes(error.code)) return 1;
      throw error;
    }
  });
}

/** Numbers each record itself, so that one that is sent again is stored again. */
const anyNumber: Patch = recording((record, store) => async (key, turnId, steps, options) => {
  const { length } = await store.steps(key, turnId);
  return record(key, turnId, steps, { ...options, from: length });
});

/** Steps are kept by this store, also after what is theirs is gone. */
const keepsSteps: Patch = (store) => {
  const kept = new Map<string, StoredStep[]>();
  const steps = store.steps.bind(store);
  store.steps = async (key, turnId) => {
    const name = JSON.stringify([key, turnId]);
    const found = await steps(key, turnId);
    if (found.length > 0) kept.set(name, found);
    return kept.get(name) ?? [];
  };
};

/** Remembers the first steps of a turn in place of the session. */
const alwaysOpen: Patch = (store) => {
  let open: string | undefined;
  const record = store.record.bind(store);
  store.record = (key, turnId, ...given) => {
    open = turnId;
    return record(key, turnId, ...given);
  };
  const load = store.load.bind(store);
  store.load = async (...given) => {
    const state = await load(...given);
    return state && { ...state, open };
  };
};

/** For each case about steps, a store that breaks it. */
export const brokenSteps: Readonly<globalThis.Record<string, Patch>> = {
  'stores steps of every kind in order, under the lease, and reports the open turn': reading((steps) =>
    steps.map((stored) => {
      const { waits: _, ...step }: Step & { waits?: unknown } = stored.step;
      return { ...stored, step };
    }),
  ),
  'stores a record once: what the same lease sends again is skipped': anyNumber,
  'rejects a record that leaves a gap, and stores nothing of it': anyNumber,
  'rejects a number that another run has stored, and goes on after it': ignoring('conflict'),
  'rejects the records of a run whose session was taken over, also those that are stored':
    ignoring('lease_lost'),
  'rejects a record after its time, by the clock of the store, unless it is stored already': recordedWith(
    ({ before: _, ...options }) => options,
  ),
  'adds the money of each record once, to the session and to its owner': appendedWith(
    ({ spent: _, ...options }) => options,
  ),
  'stores metadata with a record, and only then increments the version': recordedWith((options) => ({
    ...options,
    metadata: options.metadata ?? {},
  })),
  'a record with `release` gives its lease back, and ends the records of its run': recordedWith(
    ({ release: _, ...options }) => options,
  ),
  'the append that closes a turn deletes its steps in the same step, or not at all': (store) => {
    const append = store.append.bind(store);
    store.append = async (key, entries, { closes, ...options }) => {
      const { expectedVersion, lease } = options;
      // In a step of its own, before the append.
      if (closes !== undefined && lease !== undefined)
        await append(key, [], { expectedVersion, turnId: crypto.randomUUID(), lease, closes, metadata: {} });
      return append(key, entries, options);
    };
  },
  'a record that comes after its run has closed the turn is rejected, also the first one': appendedWith(
    ({ release: _, ...options }) => options,
  ),
  'keeps the steps of turns apart, and reports the open turn with the newest lease': recording(
    (record) => (key, turnId, steps, options) => record(key, turnId.trim() || 't', steps, options),
  ),
  'a fork has neither an open turn nor its steps': alwaysOpen,
  'delete and forget delete steps with their session': keepsSteps,
  'an open turn expires with its session, and leaves nothing to the next one': keepsSteps,
  'a record extends the life of a session': (store) => {
    const load = store.load.bind(store);
    let first: number | undefined;
    store.load = async (...given) => {
      const state = await load(...given);
      first ??= state?.expiresAt;
      return state && { ...state, expiresAt: first };
    };
  },
  'rejects invalid steps and options, and stores nothing': recording(
    (record) => (key, turnId, steps, options) =>
      record(key, turnId, JSON.parse(JSON.stringify(steps)), options),
  ),
  'copies steps that it is given and that it returns': (store) => {
    const kept: StoredStep[] = [];
    const record = store.record.bind(store);
    store.record = async (key, turnId, steps, options) => {
      const version = await record(key, turnId, steps, options);
      const { token } = options.lease;
      for (const step of steps) kept.push({ n: kept.length, step, spent: options.spent, token, at: 0 });
      return version;
    };
    store.steps = async () => kept;
  },
  'stores each number once if the same record is sent many times at once': recording((record) => {
    let next = 0;
    return (key, turnId, steps, options) => {
      const from = next;
      next += steps.length;
      return record(key, turnId, steps, { ...options, from });
    };
  }),
  'stores megabytes and hundreds of steps in a turn': recording(
    (record) => async (key, turnId, steps, options) => {
      if (JSON.stringify(steps).length > 1_000_000) throw new SluiceError('store', 'Too long.');
      return record(key, turnId, steps, options);
    },
  ),
};
