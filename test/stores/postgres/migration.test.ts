import { readFileSync } from 'node:fs';
import { beforeEach, describe } from 'vitest';
import { readsFirstTables } from '../first-tables.ts';
import { onPostgres } from './stage.ts';

const dump = readFileSync(new URL('first-tables.sql', import.meta.url), 'utf8');

await onPostgres('tables of version 1', ({ pool, open }) => {
  beforeEach(async () => {
    await pool.query('DROP SCHEMA IF EXISTS first CASCADE');
    await pool.query(dump);
  });

  describe('after migrate()', () => {
    readsFirstTables(async () => {
      const store = open({ schema: 'first' });
      await store.migrate();
      return store;
    });
  });
});
