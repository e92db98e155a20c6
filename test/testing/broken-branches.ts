import { isSluiceError } from 'sluice';
import type { AppendOptions, Branch, SessionState } from 'sluice';

import type { RotStore } from './rot-store.ts';

type Patch = (store: RotStore) => void;

/** Changes the options of an append. `isMove`: whether it has no messages. */
function appendedWith(change: (options: AppendOptions, isMove: boolean) => AppendOptions): Patch {
  return (store) => {
    const append = store.append.bind(store);
    store.append = (key, entries, options) =>
      append(key, entries, change(options, options.after !== undefined && entries.length === 0));
  };
}

/** Changes what is loaded. */
function loaded(change: (state: SessionState) => SessionState): Patch {
  return (store) => {
    const load = store.load.bind(store);
    store.load = async (...given) => {
      const state = await load(...given);
      return state && change(state);
    };
  };
}

/** Changes the list of branches. */
function listed(change: (branches: Branch[]) => Branch[]): Patch {
  return (store) => {
    const branches = store.branches.bind(store);
    store.branches = async (key) => change(await branches(key));
  };
}

const linear: Patch = appendedWith(({ after: _, ...options }) => ({ ...options, metadata: {} }));
const neverMoves: Patch = appendedWith(({ after, ...options }, isMove) =>
  isMove ? { ...options, metadata: {} } : { ...options, after },
);
const onlyHead: Patch = (store) => {
  const load = store.load.bind(store);
  store.load = (key, { leaf: _, ...options } = {}) => load(key, options);
};
const twice: Patch = listed((branches) => [...branches, ...branches]);
const keepsAll: Patch = (store) => {
  store.delete = () => Promise.resolve();
  store.forget = () => Promise.resolve(0);
};

/** For each case about branches, a store that breaks it. */
export const brokenBranches: Readonly<Record<string, Patch>> = {
  'gives each message an id of its own, which never changes': loaded((state) => ({
    ...state,
    ids: state.ids?.map((_, at) => String(at)),
  })),
  'an append after an older message begins a branch, and the other one stays readable': linear,
  'reads the newest messages of a way across its branches': onlyHead,
  'all appends after one message are siblings, also of the first message': listed((branches) =>
    branches.map((branch) => ({ ...branch, parent: '' })),
  ),
  'an append can follow a message in the middle of another, whose messages keep their ids': listed((list) =>
    list.map((branch) => ({ ...branch, messageCount: branch.messageCount + 1 })),
  ),
  'an append can follow any message of one that fills several rows': onlyHead,
  'an append after the head is an append as any other': twice,
  'the head moves without messages, to the end of another branch and on from there': neverMoves,
  'the head moves back to any message, and only what is appended there makes a branch': neverMoves,
  'a move of the head is stored once, under the conditions of every append': appendedWith(
    ({ lease: _, release: __, ...options }) => options,
  ),
  'rejects ids that no message of the session has': (store) => {
    const load = store.load.bind(store);
    store.load = (...given) =>
      load(...given).catch((error: unknown) => {
        if (isSluiceError(error) && error.code === 'not_found') return undefined;
        throw error;
      });
  },
  'an append after a message that comes first is not a branch of an empty session': listed((branches) =>
    branches.length > 0 ? branches : [{ id: '', parent: '', messageCount: 0, updatedAt: 0, isHead: true }],
  ),
  'an open turn stays with its branch, and is told again when that is selected': listed((branches) =>
    branches.map(({ open: _, ...branch }) => branch),
  ),
  'a turn that answers the same message as an open one hides it until it is closed': loaded(
    ({ open: _, ...state }) => state,
  ),
  'a fork has the way to the head, and no other branch': twice,
  'metadata and sums belong to the session, not to a branch': appendedWith(({ end, ...options }) =>
    options.after === undefined ? { ...options, end } : options,
  ),
  'delete and forget delete all branches': keepsAll,
};
