import type { StateStore } from 'sluice';
import type { Places } from './places.ts';

/** A store and the client it is measured with. */
export interface StoreEntry {
  id: StoreId;
  label: string;
  /** The package of its client, if it is not part of Node.js. */
  client?: string;
  /** The place it needs. */
  needs?: keyof Places;
  /** Whether only the full bench measures it, because it is another store with a different client. */
  full?: boolean;
  /** Describes its bare write. */
  bare: string;
}

export type StoreId = 'memory' | 'sqlite' | 'redis' | 'ioredis' | 'postgres';

/** All stores. */
export const stores: readonly StoreEntry[] = [
  { id: 'memory', label: 'memory', bare: 'parsed from JSON and added to a list' },
  { id: 'sqlite', label: 'SQLite, `node:sqlite`', bare: 'an `INSERT` that is on the disk when it returns' },
  { id: 'redis', label: 'Redis, `redis`', client: 'redis', needs: 'redis', bare: 'an `RPUSH`' },
  {
    id: 'ioredis',
    label: 'Redis, `ioredis`',
    client: 'ioredis',
    needs: 'redis',
    full: true,
    bare: 'an `RPUSH`',
  },
  {
    id: 'postgres',
    label: 'PostgreSQL, `pg`',
    client: 'pg',
    needs: 'postgres',
    bare: 'an `INSERT`, prepared, in a transaction of its own',
  },
];

/** Appends a text to the others under a name. */
export type Write = (name: string, text: string) => Promise<unknown>;

/** A store, and a bare write with the same kind of client. */
export interface Backend {
  store: StateStore;
  /** The same store for preparations, without waiting for the disk if the server allows that. */
  beforehand?: StateStore;
  write: Write;
}

/** Opens a store. Each process has its own client. */
export async function openBackend(id: StoreId, places: Places): Promise<Backend> {
  switch (id) {
    case 'memory':
      return memory();
    case 'sqlite':
      return sqlite(places.sqlite);
    case 'redis':
      return nodeRedis(placeOf(places, 'redis'));
    case 'ioredis':
      return ioRedis(placeOf(places, 'redis'));
    case 'postgres':
      return postgres(placeOf(places, 'postgres'));
  }
}

function placeOf<Name extends keyof Places>(places: Places, name: Name): NonNullable<Places[Name]> {
  const place = places[name];
  if (place === undefined) throw new Error(`There is no ${name}.`);
  return place;
}

async function memory(): Promise<Backend> {
  const { MemoryStore } = await import('sluice');
  const lists = new Map<string, unknown[]>();
  return {
    store: new MemoryStore(),
    async write(name, text) {
      const list = lists.get(name) ?? [];
      lists.set(name, list);
      list.push(JSON.parse(text));
    },
  };
}

async function sqlite(directory: string): Promise<Backend> {
  const { DatabaseSync } = await import('node:sqlite');
  const { sqliteStore } = await import('sluice/stores/sqlite');
  const path = `${directory}/${crypto.randomUUID()}`;
  const database = new DatabaseSync(`${path}-bare.db`);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE written (number INTEGER PRIMARY KEY, name TEXT, content TEXT)');
  const insert = database.prepare('INSERT INTO written (name, content) VALUES (?, ?)');
  return {
    store: sqliteStore({ path: `${path}.db` }),
    write: async (name, text) => insert.run(name, text),
  };
}

async function nodeRedis({ url, prefix }: NonNullable<Places['redis']>): Promise<Backend> {
  const { createClient } = await import('redis');
  const { redisStore } = await import('sluice/stores/redis');
  const client = createClient({ url });
  await client.connect();
  return {
    store: redisStore({ client, prefix }),
    write: (name, text) => client.rPush(`${prefix}:${name}`, text),
  };
}

async function ioRedis({ url, prefix }: NonNullable<Places['redis']>): Promise<Backend> {
  const { Redis } = await import('ioredis');
  const { redisStore } = await import('sluice/stores/redis');
  const client = new Redis(url);
  return {
    store: redisStore({ client, prefix }),
    write: (name, text) => client.rpush(`${prefix}:${name}`, text),
  };
}

async function postgres(url: string): Promise<Backend> {
  const { Pool } = await import('pg');
  const { postgresStore } = await import('sluice/stores/postgres');
  const pool = new Pool({ connectionString: url, max: 10 });
  const table = `written_${crypto.randomUUID().replaceAll('-', '')}`;
  await pool.query(`CREATE TABLE ${table} (number bigserial PRIMARY KEY, name text, content text)`);
  const text = `INSERT INTO ${table} (name, content) VALUES ($1, $2)`;
  const store = postgresStore({ pool });
  await store.migrate();
  const hasty = new URL(url);
  hasty.searchParams.set('options', '-c synchronous_commit=off');
  return {
    store,
    beforehand: postgresStore({ pool: new Pool({ connectionString: hasty.href, max: 1 }) }),
    write: (name, content) => pool.query({ name: 'write', text, values: [name, content] }),
  };
}
