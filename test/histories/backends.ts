import type { Backend } from './backend.ts';
import { postgresBackend } from './backend-postgres.ts';
import { redisBackend } from './backend-redis.ts';
import { sqliteBackend } from './backend-sqlite.ts';

/** The stores that histories run on. */
export const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  postgres: postgresBackend,
  redis: redisBackend,
  sqlite: sqliteBackend,
};

/** Divides a number into whole parts that are as equal as possible. */
export function shares(total: number, parts: number): number[] {
  return Array.from(
    { length: parts },
    (_, at) => Math.floor(((at + 1) * total) / parts) - Math.floor((at * total) / parts),
  );
}
