import { test } from 'vitest';
import { postgresLog } from '../../../../server/postgres-log.ts';
import { onPostgres } from '../../../stores/postgres/stage.ts';
import { sameAsInMemory } from '../compare.ts';

await onPostgres('A chunk log in PostgreSQL beside one in memory', ({ pool }) => {
  test('answers the same to random calls', async () => {
    const log = postgresLog({ pool });
    await log.migrate();
    await sameAsInMemory(log, 100);
    await log.close();
  });
});
