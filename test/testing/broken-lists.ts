import type { RotStore } from './rot-store.ts';

/** For each case about `list`, a store that breaks it. */
export const brokenLists: Readonly<Record<string, (store: RotStore) => void>> = {
  "lists an owner's sessions page by page, each once, and nobody else's": (store) => {
    const list = store.list.bind(store);
    store.list = async (options) => list({ ...options, limit: 1_000 });
  },
  'ends a list on a page that is full to the last place': (store) => {
    const list = store.list.bind(store);
    store.list = async (options) => list({ ...options, limit: options.limit === 0 ? 100 : options.limit });
  },
  'goes on with a list after the session at its cursor was deleted': (store) => {
    const list = store.list.bind(store);
    store.list = async ({ owner, limit = 100, cursor = '0' }) => {
      const { sessions } = await list({ owner, limit: 1_000 });
      const from = Number(cursor);
      const next = from + limit < sessions.length ? { cursor: `${from + limit}` } : {};
      return { sessions: sessions.slice(from, from + limit), ...next };
    };
  },
  'lists by no cursor but its own, of the same owner': (store) => {
    const list = store.list.bind(store);
    store.list = async (options) =>
      list(options).catch(() => list({ owner: options.owner, limit: options.limit }));
  },
  'lists by no limit but a whole number from 1 on': (store) => {
    const list = store.list.bind(store);
    store.list = async (options) => list({ ...options, limit: Math.ceil(options.limit ?? 100) });
  },
};
