import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { sqliteStore } from 'sluice/stores/sqlite';
import { STEPS, prepareTables } from '../../../stores/sqlite/schema.ts';
import { failureOf } from '../../core/harness.ts';
import { around, end, entry, folder, newPath, valueOf } from './stage.ts';

describe('the file', () => {
  test('is created with its directories for its owner alone, and so are the files beside it', async () => {
    const path = join(folder, 'some', 'where', 'sessions.db');
    const store = sqliteStore({ path: relative(process.cwd(), path) });
    expect(existsSync(join(folder, 'some'))).toBe(false);
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    const rights = (name: string): string => (statSync(name).mode & 0o777).toString(8);
    expect([rights(join(folder, 'some')), rights(join(folder, 'some', 'where'))]).toEqual(['700', '700']);
    expect(
      readdirSync(join(folder, 'some', 'where')).map((name) => [name, rights(join(path, '..', name))]),
    ).toEqual([
      ['sessions.db', '600'],
      ['sessions.db-shm', '600'],
      ['sessions.db-wal', '600'],
    ]);
    await store.close();
    expect(readdirSync(join(folder, 'some', 'where'))).toEqual(['sessions.db']);
  });

  test('narrows files beside it that more people may read than the file, and keeps their rights otherwise', async () => {
    const path = join(folder, 'narrow', 'sessions.db');
    const rights = (name: string): string => (statSync(name).mode & 0o777).toString(8);
    const beside = [`${path}-wal`, `${path}-shm`];
    const found: string[][] = [];
    for (const mode of [0o600, 0o640]) {
      mkdirSync(join(folder, 'narrow'), { recursive: true });
      for (const name of [path, ...beside]) writeFileSync(name, '');
      chmodSync(path, mode);
      for (const name of beside) chmodSync(name, 0o664);
      const store = sqliteStore({ path });
      await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
      found.push([path, ...beside].map(rights));
      await store.close();
      rmSync(join(folder, 'narrow'), { recursive: true });
    }
    expect(found).toEqual([
      ['600', '600', '600'],
      ['640', '640', '640'],
    ]);
  });

  test('has exactly the name in the path, even if the name is unusual', async () => {
    const odd = ["it's.db", 'file:a?mode=memory', 'ü 🐙%20#?.db', ' '];
    for (const name of odd) {
      const store = sqliteStore({ path: join(folder, 'odd', name) });
      await store.append('s', [entry(name)], { expectedVersion: 0, turnId: 't' });
      await store.close();
    }
    expect(readdirSync(join(folder, 'odd')).sort()).toEqual([...odd].sort());
  });

  test('is the one that the path meant when the store was created', async () => {
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(folder);
    const store = sqliteStore({ path: 'file:here?mode=memory' });
    cwd.mockRestore();
    await store.load('s');
    expect(existsSync(join(folder, 'file:here?mode=memory'))).toBe(true);
    await store.close();
  });

  test.each([
    ['no path', {}],
    ['an empty one', { path: '' }],
    ['a path with a NUL', { path: 'a\0b' }],
    ['no time to live', { path: ':memory:', ttlMs: 0 }],
    ['no wait', { path: ':memory:', busyTimeoutMs: -1 }],
    ['an unknown option', { path: ':memory:', ttl: 5 }],
  ])('options: %s', (_what, options) => {
    const open = (): unknown => Reflect.apply(sqliteStore, undefined, [options]);
    expect(open).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });

  test('a store that is closed says so, and may be closed twice', async () => {
    const store = sqliteStore({ path: newPath() });
    await store.load('s');
    await store.close();
    await store.close();
    expect(await failureOf(store.load('s'))).toMatchObject({ code: 'store', retryable: false });
  });

  test('forget leaves nothing of the owner in any byte of it', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    const secret = 'canary-4711';
    const key = { owner: `who-${secret}`, id: `id-${secret}` };
    await store.append(key, [entry(secret.repeat(1_000))], {
      expectedVersion: 0,
      turnId: secret,
      metadata: { secret },
      end: { ...end, reason: secret },
    });
    await (await store.lease(key, 1_000)).release();
    const bytes = (): string => ['', '-wal'].map((suffix) => readFileSync(path + suffix, 'latin1')).join('');
    expect(bytes()).toContain(secret);
    expect(await store.forget(key.owner)).toBe(1);
    expect(bytes()).not.toContain(secret);
    await store.close();
    expect(readFileSync(path, 'latin1')).not.toContain(secret);
  });
});

describe('the tables', () => {
  const written = async (path: string): Promise<void> => {
    const store = sqliteStore({ path });
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    await store.close();
  };

  test('a migration of a later release runs once, and keeps what is stored', async () => {
    const path = newPath();
    await written(path);
    const steps = [...STEPS, 'ALTER TABLE sessions ADD COLUMN title TEXT'];
    around(path, (database) => {
      prepareTables(database, path, steps);
      prepareTables(database, path, steps);
    });
    expect(valueOf(path, 'PRAGMA user_version')).toBe(STEPS.length + 1);
    expect(valueOf(path, 'SELECT title FROM sessions')).toBe(null);
    expect(valueOf(path, 'SELECT count(*) FROM turns')).toBe(1);
  });

  test('a migration that fails changes nothing', async () => {
    const path = newPath();
    await written(path);
    const steps = [...STEPS, 'DROP TABLE turns', 'ALTER TABLE nowhere ADD COLUMN x'];
    expect(() => around(path, (database) => prepareTables(database, path, steps))).toThrow(/nowhere/);
    expect([valueOf(path, 'PRAGMA user_version'), valueOf(path, 'SELECT count(*) FROM turns')]).toEqual([
      STEPS.length,
      1,
    ]);
  });

  test('a migration that another process ran in the meantime does not run again', () => {
    const path = newPath();
    around(path, (database) => {
      const exec = vi.spyOn(database, 'exec');
      exec.mockImplementationOnce((sql) => {
        around(path, (other) => prepareTables(other, path));
        database.exec(sql);
      });
      prepareTables(database, path);
      expect(exec.mock.calls[0]).toEqual(['BEGIN IMMEDIATE']);
    });
    expect(valueOf(path, 'SELECT count(*) FROM tokens')).toBe(1);
  });

  test('those of a later release are refused with an error that says so', async () => {
    const path = newPath();
    await written(path);
    around(path, (database) => database.exec('PRAGMA user_version = 4711'));
    const error = await failureOf(sqliteStore({ path }).load('s'));
    expect(error).toMatchObject({ code: 'store', retryable: false });
    expect(error.message).toContain('tables of version 4711');
  });

  test('those of another program are refused, and left alone', async () => {
    const path = newPath();
    around(path, (database) => database.exec('CREATE TABLE theirs (x)'));
    const error = await failureOf(sqliteStore({ path }).load('s'));
    expect(error).toMatchObject({ code: 'store', retryable: false });
    expect(error.message).toContain('another program');
    expect(valueOf(path, 'SELECT count(*) FROM sqlite_schema')).toBe(1);
  });

  test('a file that is not a database is refused, and left alone', async () => {
    const path = newPath();
    writeFileSync(path, 'Dear diary, '.repeat(1_000));
    const store = sqliteStore({ path });
    expect(await failureOf(store.load('s'))).toMatchObject({ code: 'store', retryable: false });
    expect(readFileSync(path, 'utf8')).toMatch(/^Dear diary/);
    await store.close();
  });

  test('many stores that open a new file at once create them once', async () => {
    const path = newPath();
    const stores = Array.from({ length: 8 }, () => sqliteStore({ path }));
    await Promise.all(stores.map((store, at) => store.update(`s${at}`, {}, { expectedVersion: 0 })));
    expect(valueOf(path, 'SELECT count(*) FROM sessions')).toBe(8);
    await Promise.all(stores.map((store) => store.close()));
  });
});
