import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryStore } from 'sluice';
import { sqliteStore } from 'sluice/stores/sqlite';
import { checkList } from '../../src/session/store/check-call.ts';
import { listCursor } from '../../src/session/store/list-cursor.ts';
import { failureOf } from '../core/harness.ts';
import { seedOf } from './seed.ts';

const refused = {
  code: 'invalid_options',
  message:
    'list(): cursor was not made by this store for this owner: give the cursor of the last page as it came, or leave it out to start over.',
};

describe('the cursor of a list', () => {
  test('is the same in every process, and safe in a URL', () => {
    expect(listCursor('memory', 'acme', 'user 1/ü')).toBe('1pw9jgy.user%201%2F%C3%BC');
  });

  test('contains the id that it was made from, whatever it is', () => {
    const text = fc.string({ unit: 'binary' }).filter((one) => one.isWellFormed());
    const id = text.filter((one) => one !== '');
    fc.assert(
      fc.property(text, id, (owner, after) => {
        const cursor = listCursor('memory', owner, after);
        expect(checkList({ owner, cursor }, 'memory')).toEqual({ owner, limit: 100, after });
      }),
      { seed: seedOf('cursors') },
    );
  });

  test('is refused if it was made for another owner or by another kind of store', async () => {
    const cursor = listCursor('memory', 'a', 'id');
    for (const [owner, store] of [
      ['b', 'memory'],
      ['', 'memory'],
      ['a', 'sqlite'],
    ] as const)
      expect(() => checkList({ owner, cursor }, store)).toThrow(expect.objectContaining(refused));
    const [memory, sqlite] = [new MemoryStore(), sqliteStore({ path: ':memory:' })];
    for (const store of [memory, sqlite])
      for (const id of ['a', 'b']) await store.update({ owner: 'o', id }, { x: 1 }, { expectedVersion: 0 });
    const page = await memory.list({ owner: 'o', limit: 1 });
    expect(await failureOf(sqlite.list({ owner: 'o', cursor: page.cursor }))).toMatchObject(refused);
    await sqlite.close();
  });

  test('is refused if it is any other text, which the error does not show', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (cursor) => {
        expect(() => checkList({ owner: 'o', cursor }, 'memory')).toThrow(expect.objectContaining(refused));
      }),
      { seed: seedOf('foreign cursors') },
    );
  });
});
