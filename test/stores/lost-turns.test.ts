import { randomBytes } from 'node:crypto';
import { MemoryStore } from 'sluice';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';
import { lostTurns } from './lost-turn-cases.ts';
import { onPostgres } from './postgres/stage.ts';
import { onRedis } from './redis/stage.ts';
import { newPath } from './sqlite/stage.ts';

lostTurns('in memory', () => new MemoryStore());
lostTurns('SQLite', () => sqliteStore({ path: newPath() }));
lostTurns('encrypted', () => encrypted(sqliteStore({ path: newPath() }), randomBytes(32)));
await onRedis('lost turns', ({ open }) => lostTurns('Redis', () => open()));
await onPostgres('lost turns', ({ open }) =>
  lostTurns('PostgreSQL', async () => {
    const store = open();
    await store.migrate();
    return store;
  }),
);
