import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { sqliteStore } from 'sluice/stores/sqlite';
import { failureOf } from '../../core/harness.ts';
import { around, contents, entries, entry, folder, newPath } from './stage.ts';

afterEach(() => void vi.restoreAllMocks());

describe('failures', () => {
  test('a call waits while another process writes, and blocks nothing else', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    let stored = false;
    const append = store
      .append('s', [entry('b')], { expectedVersion: 1, turnId: 't2' })
      .then(() => (stored = true));
    // If the wait were not asynchronous, no other callback would run.
    let turns = 0;
    for (; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(contents(await store.load('s'))).toEqual(['a']);
    expect(stored).toBe(false);
    other.exec('COMMIT');
    await append;
    expect(contents(await store.load('s'))).toEqual(['a', 'b']);
    other.close();
    await store.close();
  });

  test('a lock that is held too long is a retryable store error', async () => {
    const path = newPath();
    const store = sqliteStore({ path, busyTimeoutMs: 5 });
    await store.load('s');
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const append = (): Promise<number> =>
      store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    expect(await failureOf(append())).toMatchObject({
      code: 'store',
      retryable: true,
      cause: expect.objectContaining({ errcode: 5 }),
    });
    other.exec('ROLLBACK');
    expect(await append()).toBe(1);
    other.close();
    await store.close();
  });

  test('a lock is waited for by default for 4 seconds, which is shorter than a pipeline waits for its store', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    await store.load('s');
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const now = vi.spyOn(performance, 'now');
    for (const ms of [0, 3_999, 4_000]) now.mockReturnValueOnce(ms);
    const error = await failureOf(store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' }));
    expect([error.code, error.message, now.mock.calls.length]).toEqual([
      'store',
      'The session store failed at append (see the cause).',
      3,
    ]);
    other.close();
    await store.close();
  });

  test('a file that cannot be opened is a retryable store error', async () => {
    const place = join(folder, 'in-the-way');
    writeFileSync(place, '');
    const store = sqliteStore({ path: join(place, 'sessions.db') });
    const error = await failureOf(store.load('s'));
    expect(error).toMatchObject({ code: 'store', retryable: true, cause: expect.any(Error) });
    expect(error).toHaveProperty(
      'message',
      `The session store failed at load: ${JSON.stringify(join(place, 'sessions.db'))} cannot be opened (EEXIST): give the path of a file to read and write.`,
    );
    rmSync(place);
    mkdirSync(place);
    expect(await store.load('s')).toBe(undefined);
    await store.close();
  });

  test('a connection that fails is opened again', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    around(path, (database) => database.exec('ALTER TABLE owners RENAME TO gone'));
    expect(await failureOf(store.spend({ owner: '' }))).toMatchObject({ code: 'store', retryable: true });
    around(path, (database) => database.exec('ALTER TABLE gone RENAME TO owners'));
    expect((await store.spend({ owner: '' })).turns).toBe(0);
    await store.close();
  });

  test('a full disk is a store error, and nothing of the append is stored', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
    exec.mockImplementationOnce(function limited(this: DatabaseSync, sql) {
      exec.mockRestore();
      this.exec('PRAGMA max_page_count = 1');
      this.exec(sql);
    });
    const long = entry('x'.repeat(1_000_000));
    expect(await failureOf(store.append('s', [long], { expectedVersion: 1, turnId: 't2' }))).toMatchObject({
      code: 'store',
      retryable: true,
    });
    expect(contents(await store.load('s'))).toEqual(['a']);
    expect(await store.append('s', [long], { expectedVersion: 1, turnId: 't2' })).toBe(2);
    await store.close();
  });

  test('a damaged file is a store error that is not retryable', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    await store.append('s', entries(2_000), { expectedVersion: 0, turnId: 't' });
    await store.close();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xff, 4_096));
    const damaged = sqliteStore({ path });
    const error = await failureOf(damaged.load('s'));
    expect(error).toMatchObject({ code: 'store', retryable: false });
    expect(error.message).toContain('is damaged');
    await damaged.close();
  });
});
