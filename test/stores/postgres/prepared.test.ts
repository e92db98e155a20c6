import { afterEach, describe, expect, test, vi } from 'vitest';
import { postgresStore } from 'sluice/stores/postgres';
import type { PostgresQuery } from 'sluice/stores/postgres';
import { failureOf } from '../../core/harness.ts';
import { fakePool } from './pools.ts';
import { entry } from './stage.ts';

const code = (sqlstate: string): Error => Object.assign(new Error('prepared statement'), { code: sqlstate });
const words = ({ text, name }: PostgresQuery): string =>
  `${text.trim().split(/\s/)[0] ?? ''}${name === undefined ? '' : ' named'}`;

afterEach(() => void vi.restoreAllMocks());

describe.each(['26000', '42P05'])('a pooler that answers a prepared statement with %s', (refusal) => {
  test('is asked again without names, then and from then on, and the store warns once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const asked: string[] = [];
    const pool = fakePool((query) => {
      asked.push(words(query));
      return query.name === undefined ? Promise.resolve({ rows: [] }) : Promise.reject(code(refusal));
    });
    const store = postgresStore({ pool });
    expect(await store.load('s')).toBeUndefined();
    expect(await store.turn('s', 't')).toBeUndefined();
    await store.delete('s');
    expect(asked).toEqual(['WITH named', 'WITH', 'SELECT', 'DELETE']);
    // The connection that refused goes, the others stay.
    expect(pool.released).toEqual([true, false, false, false]);
    expect(warn.mock.calls).toEqual([
      [
        `postgresStore(): a pooler keeps no prepared statements (SQLSTATE ${refusal}); the store goes on without them. ` +
          'Set prepare to false, or use a pooler that supports them, such as PgBouncer 1.21 with max_prepared_statements.',
        { type: 'SluiceWarning', code: 'SLUICE_PREPARED_STATEMENTS' },
      ],
    ]);
  });

  test('is asked again by each of the calls that were under way, and the store warns once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const gates: (() => void)[] = [];
    const asked: string[] = [];
    const pool = fakePool((query) => {
      asked.push(words(query));
      if (query.name === undefined) return Promise.resolve({ rows: [{ count: '3' }] });
      return new Promise((_, reject) => void gates.push(() => reject(code(refusal))));
    });
    const store = postgresStore({ pool });
    const sweeps = [store.sweep(), store.sweep(), store.sweep()];
    await expect.poll(() => gates).toHaveLength(3);
    for (const open of gates) open();
    expect(await Promise.all(sweeps)).toEqual([3, 3, 3]);
    expect(asked).toEqual(['WITH named', 'WITH named', 'WITH named', 'WITH', 'WITH', 'WITH']);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('in a transaction is asked again from its beginning, and nothing of the first is committed', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const asked: string[] = [];
    const pool = fakePool((query) => {
      asked.push(words(query));
      if (query.name === undefined || query.text.includes('set_config'))
        return Promise.resolve({ rows: [{ version: '1', token: '0' }] });
      return Promise.reject(code(refusal));
    });
    const store = postgresStore({ pool, rowLevelSecurity: true });
    expect(await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' })).toBe(1);
    expect(asked).toEqual(['BEGIN', 'SELECT named', 'WITH named', 'BEGIN', 'SELECT', 'WITH', 'COMMIT']);
    expect(pool.released).toEqual([true, false]);
  });

  test('that also refuses unnamed statements is an error that says so, and is not retryable', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const asked: string[] = [];
    const pool = fakePool((query) => {
      asked.push(words(query));
      return Promise.reject(code(refusal));
    });
    expect(await failureOf(postgresStore({ pool }).load('s'))).toMatchObject({
      code: 'store',
      retryable: false,
      message:
        'The session store failed at load: a pooler mixes up the prepared statements of its clients: ' +
        'set prepare to false, or connect without the pooler.',
    });
    expect(asked).toEqual(['WITH named', 'WITH']);
  });
});

test('a plan that the server cached before the tables changed is replaced', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const asked: string[] = [];
  const pool = fakePool((query) => {
    asked.push(words(query));
    return asked.length === 1 ? Promise.reject(code('0A000')) : Promise.resolve({ rows: [] });
  });
  expect(await postgresStore({ pool }).load('s')).toBeUndefined();
  expect(asked).toEqual(['WITH named', 'WITH named']);
  expect(pool.released).toEqual([true, false]);
  expect(warn).not.toHaveBeenCalled();
});
