import { readFileSync } from 'node:fs';
import { describe } from 'vitest';
import { sqliteStore } from 'sluice/stores/sqlite';
import { readsFirstTables } from '../first-tables.ts';
import { around, newPath } from './stage.ts';

const dump = readFileSync(new URL('first-tables.sql', import.meta.url), 'utf8');

describe('a file with tables of version 1', () => {
  readsFirstTables(async () => {
    const path = newPath();
    around(path, (database) => database.exec(dump));
    return sqliteStore({ path });
  });
});
