import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { sqliteStore } from 'sluice/stores/sqlite';
import { failureOf } from '../../core/harness.ts';
import { around, contents, end, entries, entry, newPath, valueOf } from './stage.ts';

afterEach(() => void vi.restoreAllMocks());

describe('cost', () => {
  test('the newest messages are read without earlier ones, even within one large append', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    await store.append('s', entries(1_000), { expectedVersion: 0, turnId: 'import', end });
    await store.append('s', [entry('new')], { expectedVersion: 1, turnId: 't' });
    // Rows that are not read may contain anything.
    around(path, (database) => database.exec("UPDATE turns SET content = '' WHERE through <= 950"));
    expect(contents(await store.load('s', { last: 51 }))).toEqual(
      [...entries(1_000), entry('new')].slice(-51).map(({ message }) => message.content),
    );
    expect(await failureOf(store.load('s', { last: 52 }))).toMatchObject({ code: 'store' });
    await store.close();
  });

  test('an append of many messages is one turn', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    await store.append('s', entries(120), { expectedVersion: 0, turnId: 'import', end });
    const turn = await store.turn('s', 'import');
    expect([contents(turn), turn?.end, turn?.version]).toEqual([
      entries(120).map(({ message }) => message.content),
      end,
      1,
    ]);
    for (const at of [0, 1, 49, 50, 51, 100, 119, 120]) {
      const fork = await store.fork('s', at);
      expect(contents(await store.load(fork))).toEqual(contents(turn).slice(0, at));
      expect(contents(await store.load(fork, { last: 7 }))).toEqual(contents(turn).slice(0, at).slice(-7));
    }
    expect(valueOf(path, 'SELECT count(*) FROM turns WHERE messages = 0')).toBe(0);
    await store.close();
  });

  test('a statement is prepared once', async () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare');
    const store = sqliteStore({ path: ':memory:' });
    const turn = async (version: number): Promise<void> => {
      const lease = await store.lease('s', 1_000);
      await store.load('s', { last: 2 });
      await store.append('s', [entry('a')], { expectedVersion: version, turnId: `t${version}`, lease, end });
      await lease.release();
    };
    for (let version = 0; version < 2; version++) await turn(version);
    const prepared = prepare.mock.calls.length;
    for (let version = 2; version < 10; version++) await turn(version);
    expect(prepare.mock.calls.length).toBe(prepared);
  });

  test('an append waits for the disk, a lease does not', async () => {
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
    const store = sqliteStore({ path: newPath() });
    await store.load('s');
    const log = (): string[] =>
      exec.mock.calls.splice(0).map(([sql]) => sql.replace('PRAGMA synchronous = ', ''));
    log();
    const lease = await store.lease('s', 1_000);
    expect(log()).toEqual(['NORMAL', 'BEGIN IMMEDIATE', 'COMMIT']);
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't', lease });
    expect(log()).toEqual(['FULL', 'BEGIN IMMEDIATE', 'COMMIT']);
    await lease.release();
    expect(log()).toEqual(['NORMAL', 'BEGIN IMMEDIATE', 'COMMIT']);
    await store.close();
  });

  test('expired sessions are deleted bit by bit as others are used', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const path = newPath();
      const store = sqliteStore({ path, ttlMs: 1_000 });
      for (let version = 0; version < 120; version++)
        await store.append('long', [entry('a')], { expectedVersion: version, turnId: `t${version}` });
      await store.lease('only leased', 1_000);
      vi.setSystemTime(Date.now() + 1_000);
      const left = async (): Promise<unknown[]> => {
        await store.update(crypto.randomUUID(), {}, { expectedVersion: 0 });
        return [
          valueOf(path, 'SELECT count(*) FROM turns'),
          valueOf(path, "SELECT count(*) FROM sessions WHERE id LIKE '%l%'"),
        ];
      };
      expect(await left()).toEqual([20, 2]);
      expect(await left()).toEqual([0, 1]);
      expect(await left()).toEqual([0, 0]);
      await store.close();
    } finally {
      vi.useRealTimers();
    }
  });

  test('without ttlMs, sessions that are only leased are kept for an hour, and all others forever', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const store = sqliteStore({ path: ':memory:' });
      const lease = await store.lease('leased', 1_000);
      await store.append('kept', [entry('a')], { expectedVersion: 0, turnId: 't' });
      expect((await store.load('kept'))?.expiresAt).toBe(undefined);
      vi.setSystemTime(Date.now() + 3_600_999);
      const again = await store.append('leased', [entry('a')], { expectedVersion: 0, turnId: 't', lease });
      expect(again).toBe(1);
      const late = await store.lease('other', 1_000);
      vi.setSystemTime(Date.now() + 3_601_000);
      const error = failureOf(
        store.append('other', [entry('a')], { expectedVersion: 0, turnId: 't', lease: late }),
      );
      expect(await error).toMatchObject({ code: 'lease_lost' });
      vi.setSystemTime(Date.now() + 1e12);
      expect(contents(await store.load('kept'))).toEqual(['a']);
    } finally {
      vi.useRealTimers();
    }
  });

  test.each([60_000.5, Number.MAX_SAFE_INTEGER])(
    'takes %d ms for a time to live and for a lease',
    async (ms) => {
      const store = sqliteStore({ path: ':memory:', ttlMs: ms });
      const lease = await store.lease('s', ms, { takeOver: true });
      await lease.renew(ms);
      expect(Number.isSafeInteger(lease.expiresAt)).toBe(true);
      await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't', lease });
    },
  );
});
