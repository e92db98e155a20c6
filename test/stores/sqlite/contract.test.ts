import { describe, expect, it, test } from 'vitest';
import { sqliteStore } from 'sluice/stores/sqlite';
import { stateStoreContract } from 'sluice/testing';
import { corruptNewest, newPath, valueOf } from './stage.ts';

const shared = newPath();
stateStoreContract({
  name: 'sqliteStore',
  makeStore: (options) => sqliteStore({ path: shared, ...options }),
  another: () => sqliteStore({ path: shared }),
  corrupt: async (place, text) => corruptNewest(shared, place, text),
  describe,
  test: (name, body) => it(name, body, 30_000),
});

stateStoreContract({
  name: 'sqliteStore in memory',
  makeStore: (options) => sqliteStore({ path: ':memory:', ...options }),
  describe,
  test: (name, body) => it(name, body, 30_000),
});

test('the suite leaves nothing of deleted, forgotten or expired sessions in the file', async () => {
  for (const table of ['contents', 'turns', 'sessions'])
    expect(
      valueOf(shared, `SELECT count(*) FROM ${table} WHERE session NOT IN (SELECT session FROM sessions)`),
    ).toBe(0);
  expect(valueOf(shared, "SELECT count(*) FROM sessions WHERE owner LIKE 'owner-%'")).toBe(0);
  expect(valueOf(shared, 'SELECT count(*) FROM turns')).toBe(0);
});
