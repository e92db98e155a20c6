import { readFileSync, readdirSync } from 'node:fs';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { memoryLog } from '../../server/chunk-log.ts';
import type { ChunkLog, StreamKey } from '../../server/chunk-log.ts';
import { postgresLog } from '../../server/postgres-log.ts';
import { redisLog } from '../../server/redis-log.ts';

/** A log that is measured. */
export interface MeasuredLog {
  name: string;
  log: ChunkLog;
  /** The time that the service behind it has used, in microseconds. */
  serviceCpu(): Promise<number>;
  /** How many bytes the service needs for a stream; undefined if it cannot say. */
  bytesOf(key: StreamKey): Promise<number | undefined>;
  /** Deletes everything, and ends the connections. */
  close(): Promise<void>;
}

/** What the keys and the schema of the bench are called. */
const NAME = `sluice_bench_${process.pid}`;

/** All logs whose service can be reached. */
export async function openLogs(): Promise<MeasuredLog[]> {
  const redis = new Redis(process.env['SLUICE_REDIS_URL'] ?? 'redis://127.0.0.1:6379', {
    lazyConnect: true,
    retryStrategy: () => null,
  });
  const url = process.env['SLUICE_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
  const pool = new Pool({ connectionString: url, max: 10 });
  const opened = [memory()];
  try {
    await redis.connect();
    opened.push(inRedis(redis));
  } catch {
    console.error('Redis cannot be reached. It is left out.');
  }
  try {
    opened.push(await inPostgres(pool));
  } catch {
    console.error('PostgreSQL cannot be reached. It is left out.');
  }
  return opened;
}

function memory(): MeasuredLog {
  const log = memoryLog();
  return {
    name: 'memory',
    log,
    serviceCpu: async () => 0,
    bytesOf: async () => undefined,
    close: () => log.close(),
  };
}

function inRedis(client: Redis): MeasuredLog {
  const log = redisLog({ client, prefix: NAME });
  return {
    name: 'Redis',
    log,
    async serviceCpu() {
      const text = await client.info('cpu');
      const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
        Number(new RegExp(`^${name}:(.*)$`, 'm').exec(text)?.[1]),
      );
      return seconds.reduce((sum, one) => sum + one, 0) * 1e6;
    },
    async bytesOf({ owner, id }) {
      const keys = ['log', 'log-entries'].map((kind) => `${NAME}:${kind}:{${owner}:${id}}`);
      const sizes = await Promise.all(keys.map((key) => client.memory('USAGE', key, 'SAMPLES', 0)));
      return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    },
    async close() {
      await log.close();
      for await (const keys of client.scanStream({ match: `${NAME}*`, count: 1_000 }))
        if (Array.isArray(keys) && keys.length > 0) await client.unlink(...keys.map(String));
      await client.quit();
    },
  };
}

async function inPostgres(pool: Pool): Promise<MeasuredLog> {
  const log = postgresLog({ pool, schema: NAME });
  await log.migrate();
  return {
    name: 'PostgreSQL',
    log,
    serviceCpu: async () => cpuOf('postgres'),
    async bytesOf({ owner, id }) {
      // The rows alone; an index takes about as much as it takes for any table.
      const { rows } = await pool.query<{ bytes: string }>(
        `SELECT (sum(pg_column_size(e.*)) + 4 * count(*))::text AS bytes FROM "${NAME}".sluice_log_entries AS e
         JOIN "${NAME}".sluice_log_streams AS s ON s.key = e.stream WHERE s.owner = $1 AND s.id = $2`,
        [owner, id],
      );
      return Number(rows[0]?.bytes);
    },
    async close() {
      await log.close();
      await pool.query(`DROP SCHEMA "${NAME}" CASCADE`);
      await pool.end();
    },
  };
}

/** The time that all processes of a name have used, in microseconds, as Linux counts it: in hundredths of a second. */
function cpuOf(name: string): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const [, command = '', rest = ''] =
        /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      const fields = rest.split(' ');
      if (command === name) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }
  return ticks * 10_000;
}
