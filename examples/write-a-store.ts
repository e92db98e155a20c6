// A session store of your own: a driver over a Map, in one process. Another database takes its place verb by verb.
import { Pipeline, addSums, changed, defineStore, refusal } from 'sluice';
import type { Place, StateStore, StoreDriver, StoredRow, Sums, Write } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

interface Session extends Place {
  version: number; // 0: only leased so far
  head: number;
  token: number;
  leasedUntil: number;
  createdAt: number;
  updatedAt: number;
  expiresAt: number;
  fields: Readonly<Record<string, string>>;
  sums: Sums;
  rows: (StoredRow & { group: string | undefined; parent: number; through: number })[];
}

/** Makes a store over a Map. A session that is not used for `ttlMs` is gone. */
export function mapStore({ ttlMs = Infinity }: { ttlMs?: number | undefined } = {}): StateStore {
  const sessions = new Map<string, Session>();
  const owners = new Map<string, Sums>();
  let tokens = 0;

  const nameOf = ({ owner, id }: Place): string => JSON.stringify([owner, id]);
  const find = (place: Place): Session | undefined => {
    const session = sessions.get(nameOf(place));
    return session === undefined || session.expiresAt <= Date.now() ? undefined : session;
  };
  const begin = ({ owner, id }: Place): Session => {
    const times = { createdAt: Date.now(), updatedAt: Date.now(), expiresAt: Infinity, leasedUntil: 0 };
    const session = { owner, id, version: 0, head: 0, token: 0, fields: {}, sums: {}, rows: [], ...times };
    sessions.set(nameOf(session), session);
    return session;
  };
  const keep = (session: Session): void => {
    session.expiresAt = Math.max(Date.now() + ttlMs, session.leasedUntil);
  };
  const storedOf = (owner: string): Session[] =>
    [...sessions.values()].filter((one) => one.owner === owner && one.version > 0 && find(one) === one);
  const rowsOf = (session: Session | undefined, id: string): Session['rows'] =>
    session?.rows.filter(({ group }) => group === id) ?? [];

  function store(session: Session, { group, rows, after, head, drop = [] }: Write): void {
    session.rows.forEach((row) => {
      if (row.group !== undefined && drop.includes(row.group)) row.group = undefined;
    });
    session.head = after ?? session.head;
    for (const { weight, content } of rows) {
      const position = session.rows.length + 1;
      const through = (session.rows[session.head - 1]?.through ?? 0) + weight;
      const place = { position, parent: session.head, through, group: group?.id };
      session.rows.push({ weight, content, version: session.version, at: Date.now(), ...place });
      if (weight > 0) session.head = position;
    }
    if (!rows.some(({ weight }) => weight > 0)) session.head = head ?? session.head;
  }

  const driver: StoreDriver = {
    load(place, last, from) {
      const session = find(place);
      if (session === undefined || session.version === 0) return undefined;
      const head = from ?? session.head;
      const rows: StoredRow[] = [];
      let row = session.rows[head - 1];
      const messages = row?.through ?? 0;
      for (let left = last; row !== undefined && left > 0; row = session.rows[row.parent - 1]) {
        rows.unshift(row);
        left -= row.weight;
      }
      const expiresAt = ttlMs === Infinity ? undefined : session.expiresAt;
      return { ...session, head, messages, rows, expiresAt };
    },
    group: (place, id) => rowsOf(find(place), id),
    write(place, write) {
      const known = find(place);
      const { version = 0, token = 0, leasedUntil = 0 } = known ?? {};
      const size = write.group === undefined ? 0 : rowsOf(known, write.group.id).length;
      const refused = refusal(write, { version, token, held: leasedUntil > 0, size, now: Date.now() });
      if (refused !== undefined) return { refused, version, token };
      const session = known ?? begin(place);
      if (write.bump) session.version++;
      store(session, write);
      session.fields = changed(session.fields, write.fields);
      if (write.sums !== undefined) {
        session.sums = addSums(session.sums, write.sums);
        owners.set(place.owner, addSums(owners.get(place.owner) ?? {}, write.sums));
      }
      if (write.release) session.leasedUntil = 0;
      session.updatedAt = Date.now();
      keep(session);
      return { version: session.version, token };
    },
    lease(place, ms, takeOver) {
      const session = find(place) ?? begin(place);
      if (session.leasedUntil > Date.now() && !takeOver) return undefined;
      session.token = ++tokens;
      session.leasedUntil = Date.now() + ms;
      keep(session);
      return { token: session.token, until: session.leasedUntil };
    },
    hold(place, token, ms) {
      const session = find(place);
      if (session?.token !== token || session.leasedUntil === 0) return undefined;
      session.leasedUntil = ms === 0 ? 0 : Date.now() + ms;
      if (ms > 0) keep(session);
      return session.leasedUntil;
    },
    spent: (owner) => owners.get(owner) ?? {},
    list: (owner, after, limit) =>
      storedOf(owner)
        .filter(({ id }) => id > after)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit),
    delete: (place) => void sessions.delete(nameOf(place)),
    forget(owner) {
      const { length } = storedOf(owner);
      for (const [name, one] of sessions) if (one.owner === owner) sessions.delete(name);
      owners.delete(owner);
      return length;
    },
    close: () => sessions.clear(),
  };
  return defineStore(driver, { name: 'map' });
}

const store = mapStore();
await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store });
await pipeline.executeWithContext('user-123', 'user', 'My name is Ada.');
const { response } = await pipeline.executeWithContext('user-123', 'user', 'What is my name?');
console.log('my name? ->', response.content);
console.log('stored:', (await store.load('user-123'))?.messageCount, 'messages');
