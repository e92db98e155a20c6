import { Pool } from 'pg';

/** The PostgreSQL server for tests. The role must be allowed to create databases and roles. */
export const POSTGRES_URL =
  process.env['SLUICE_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

/** Settings that differ from the URL. */
interface PoolOptions {
  user?: string;
  port?: number;
  database?: string;
  max?: number;
  /** Settings of the session, as `-c name=value`. */
  options?: string;
}

/** A database for one test. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Opens a pool. The default user is the one that created the database. */
  pool(options?: PoolOptions): Pool;
  /** Ends its pools and drops it. */
  drop(): Promise<void>;
}

/** Whether PostgreSQL can be reached. If not, prints a warning, or throws if services are required. */
export async function hasPostgres(): Promise<boolean> {
  const pool = new Pool({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 30_000 });
  try {
    await pool.query('SELECT 1');
    return true;
  } catch (error) {
    if (process.env['SLUICE_REQUIRE_SERVICES'] === '1') throw error;
    console.warn('PostgreSQL cannot be reached. Its tests are skipped.');
    return false;
  } finally {
    await pool.end();
  }
}

/** Creates a database. */
export async function testDatabase(): Promise<TestDatabase> {
  const name = `sluice_test_${crypto.randomUUID().replaceAll('-', '')}`;
  const admin = new Pool({ connectionString: POSTGRES_URL, max: 1 });
  await admin.query(`CREATE DATABASE "${name}" TEMPLATE template0 ENCODING UTF8`);
  const pools: Pool[] = [];
  const own = new URL(POSTGRES_URL);
  own.pathname = `/${name}`;
  return {
    name,
    url: own.href,
    pool({ user, port, database = name, max = 10, options } = {}) {
      const url = new URL(POSTGRES_URL);
      url.pathname = `/${database}`;
      if (user !== undefined) url.username = user;
      if (port !== undefined) url.port = `${port}`;
      const pool = new Pool({ connectionString: url.href, max, ...(options !== undefined && { options }) });
      pool.on('error', () => undefined);
      pools.push(pool);
      return pool;
    },
    async drop() {
      await Promise.all(pools.map(async (pool) => (pool.ended ? undefined : pool.end())));
      await admin.query(`DROP DATABASE "${name}" WITH (FORCE)`);
      await admin.end();
    },
  };
}
