import { mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Pool } from 'pg';

const REDIS_URL = process.env['SLUICE_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const POSTGRES_URL = process.env['SLUICE_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

/** Where the stores keep their data. Each place is deleted in the end. */
export interface Places {
  /** A directory on the disk of the repository. */
  sqlite: string;
  /** A server and a prefix for all keys. */
  redis?: { url: string; prefix: string };
  /** The URL of a database. */
  postgres?: string;
}

/** The places, a description of the services, and the services that are missing. */
export interface Opened extends AsyncDisposable {
  places: Places;
  services: string[];
  missing: string[];
}

/** Creates the places. A service that does not answer gets none. */
export async function openPlaces(): Promise<Opened> {
  const sqlite = mkdtempSync(fileURLToPath(new URL('../node_modules/.sessions-', import.meta.url)));
  const [redis, postgres] = await Promise.all([
    openRedis().catch(() => undefined),
    openPostgres().catch(() => undefined),
  ]);
  const there = [redis, postgres].filter((service) => service !== undefined);
  return {
    places: {
      sqlite,
      ...(redis !== undefined && { redis: redis.place }),
      ...(postgres !== undefined && { postgres: postgres.place }),
    },
    services: there.map(({ what }) => what),
    missing: [...(redis === undefined ? ['Redis'] : []), ...(postgres === undefined ? ['PostgreSQL'] : [])],
    async [Symbol.asyncDispose]() {
      rmSync(sqlite, { recursive: true, force: true });
      await Promise.all(there.map((service) => service.drop()));
    },
  };
}

interface Service<Place> {
  place: Place;
  what: string;
  drop: () => Promise<void>;
}

async function openRedis(): Promise<Service<NonNullable<Places['redis']>>> {
  const client = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
  // An error that matters also makes a command fail.
  client.on('error', () => undefined);
  await client.connect();
  const prefix = `sluice-bench-${crypto.randomUUID()}`;
  const info = await client.info();
  const version = /redis_version:(\S+)/.exec(info)?.[1] ?? 'of unknown version';
  return {
    place: { url: REDIS_URL, prefix },
    what: `Redis ${version}: appendonly ${info.includes('aof_enabled:1') ? 'yes' : 'no'}`,
    async drop() {
      for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1_000 }))
        if ((keys as string[]).length > 0) await client.unlink(keys as string[]);
      await client.quit();
    },
  };
}

async function openPostgres(): Promise<Service<string>> {
  const admin = new Pool({ connectionString: POSTGRES_URL, max: 1, connectionTimeoutMillis: 2_000 });
  admin.on('error', () => undefined);
  const name = `sluice_bench_${crypto.randomUUID().replaceAll('-', '')}`;
  await admin.query(`CREATE DATABASE "${name}" TEMPLATE template0 ENCODING UTF8`);
  const { rows } = await admin.query<Record<'version' | 'fsync' | 'commit', string>>(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`,
  );
  const { version = '', fsync = '', commit = '' } = rows[0] ?? {};
  const url = new URL(POSTGRES_URL);
  url.pathname = `/${name}`;
  return {
    place: url.href,
    what: `PostgreSQL ${version}: fsync ${fsync}, synchronous_commit ${commit}`,
    async drop() {
      await admin.query(`DROP DATABASE "${name}" WITH (FORCE)`);
      await admin.end();
    },
  };
}
