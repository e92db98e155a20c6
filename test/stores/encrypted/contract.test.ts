import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { MemoryStore } from 'sluice';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';
import { stateStoreContract } from 'sluice/testing';
import { corruptNewest, newPath } from '../sqlite/stage.ts';

const key = randomBytes(32);
const path = newPath();

stateStoreContract({
  name: 'encrypted(MemoryStore)',
  makeStore: (options) => encrypted(new MemoryStore(options), key),
  describe,
  test: (name, body) => it(name, body, 30_000),
});

stateStoreContract({
  name: 'encrypted(sqliteStore)',
  makeStore: (options) => encrypted(sqliteStore({ path, ...options }), key),
  another: () => encrypted(sqliteStore({ path }), { current: key }),
  corrupt: async (place, text) => corruptNewest(path, place, text),
  describe,
  test: (name, body) => it(name, body, 30_000),
});
