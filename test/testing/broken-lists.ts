import type { RotStore } from './rot-store.ts';

/** For each case about `list`, a store that breaks it. */
export const brokenLists: Readonly<Record<string, (store: RotStore) => void>> = {
  "lists each of an owner's sessions once, page by page, and nobody else's": (store) => {
    const list = store.list.bind(store);
    store.list = async (options) => list({ ...options, limit: 1_000 });
  },
  'ends a list correctly if its last page is full': (store) => {
    const list = store.list.bind(store);
    store.list = async (options) => list({ ...options, limit: options.limit === 0 ? 100 : options.limit });
  },
  'continues a list after the session at the cursor was deleted': (store) => {
    const list = store.list.bind(store);
    store.list = async ({ owner, limit = 100, cursor = '0' }) => {
      const { sessions } = await list({ owner, limit: 1_000 });
      const from = Number(cursor);
      const next = from + limit < sessions.length ? { cursor: `${from + limit}` } : {};
      return { sessions: sessions.slice(from, from + limit), ...next };
    };
  },
  'rejects a cursor that it did not make for the same owner': (store) => {
    const list = store.list.bind(store);
    store.list = async (options) =>
      list(options).catch(() => list({ owner: options.owner, limit: options.limit }));
  },
  'rejects a list limit that is not a positive integer': (store) => {
    const list = store.list.bind(store);
    store.list = async (options) => list({ ...options, limit: Math.ceil(options.limit ?? 100) });
  },
};
