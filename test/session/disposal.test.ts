import { expect, test } from 'vitest';
import { MemoryStore } from 'sluice';
import type { StateStore } from 'sluice';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';
import { failureOf } from '../core/harness.ts';
import { ForwardingStore } from '../support/forwarding-store.ts';

/** Notes when the store below is closed. */
class Closing extends ForwardingStore {
  closed = 0;

  override async close(): Promise<void> {
    this.closed++;
    await this.store.close();
  }
}

const key = Buffer.alloc(32, 1);
const stores: [string, () => StateStore][] = [
  ['in memory', () => new MemoryStore()],
  ['of SQLite', () => sqliteStore({ path: ':memory:' })],
  ['that is encrypted', () => encrypted(new MemoryStore(), key)],
];

test.each(stores)('a lease of a store %s is released at the end of its scope', async (_, open) => {
  await using store = open();
  {
    await using lease = await store.lease('s', 60_000);
    expect(lease.token).toBeGreaterThan(0);
    expect(await failureOf(store.lease('s', 60_000))).toMatchObject({ code: 'session_busy' });
  }
  await using again = await store.lease('s', 60_000);
  expect(again.token).toBeGreaterThan(0);
});

test('a store is closed at the end of its scope, and closes the store below it', async () => {
  const below = new Closing(new MemoryStore());
  {
    await using store = encrypted(below, key);
    await store.load('s');
    expect(below.closed).toBe(0);
  }
  expect(below.closed).toBe(1);
  const sqlite = sqliteStore({ path: ':memory:' });
  {
    await using store = sqlite;
    await store.load('s');
  }
  expect(await failureOf(sqlite.load('s'))).toMatchObject({ code: 'store' });
});
