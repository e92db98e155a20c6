import { hasPostgres } from '../support/postgres.ts';
import { hasRedisServer } from '../support/redis-servers.ts';

const there: Readonly<Record<string, () => Promise<boolean> | boolean>> = {
  postgres: hasPostgres,
  redis: hasRedisServer,
  sqlite: () => true,
};

/** Whether the store of a backend can be used here. If not, prints a warning, or throws if services are required. */
export const isThere = async (name: string): Promise<boolean> => (await there[name]?.()) === true;
