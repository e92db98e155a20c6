import { describe, expect, test } from 'vitest';
import type { Loaded, StoreDriver, StoredRow } from 'sluice';
import type { PlainContent } from '../../src/session/store/contents.ts';
import { firstRows } from '../../src/session/store/driver.ts';
import { MemoryDriver } from '../../src/session/store/memory-driver.ts';
import { keepsDriverPromises } from '../stores/driver-cases.ts';

const memory = new MemoryDriver({ ttlMs: 3_600_000, maxSessions: 1_000, maxOwners: 10_000 });

const plain = (content: string): PlainContent => ({ value: content });
const text = ({ value }: PlainContent): string => String(value);
const rowOf = (row: StoredRow<PlainContent>): StoredRow => ({ ...row, content: text(row.content) });
const fieldsOf = (fields: Loaded<PlainContent>['fields']): Loaded['fields'] =>
  Object.fromEntries(Object.entries(fields).map(([name, content]) => [name, text(content)]));

/** The driver with texts instead of plain data. */
const driver: StoreDriver = {
  load(place, last, from) {
    const loaded = memory.load(place, last, from);
    return loaded && { ...loaded, fields: fieldsOf(loaded.fields), rows: loaded.rows.map(rowOf) };
  },
  group: (place, id) => memory.group(place, id).map(rowOf),
  write(place, write) {
    const rows = write.rows.map((row) => ({ ...row, content: plain(row.content) }));
    const changes = Object.entries(write.fields ?? {});
    const fields = changes.map(
      ([name, content]) => [name, content === undefined ? undefined : plain(content)] as const,
    );
    return memory.write(place, { ...write, rows, fields: Object.fromEntries(fields) });
  },
  lease: (place, ms, takeOver) => memory.lease(place, ms, takeOver),
  hold: (place, token, ms) => memory.hold(place, token, ms),
  spent: (owner) => memory.spent(owner),
  list: (owner, after, limit) => memory.list(owner, after, limit),
  delete: (place) => memory.delete(place),
  forget: (owner) => memory.forget(owner),
  close: () => memory.close(),
};

describe('in memory', () => keepsDriverPromises('MemoryStore', () => driver));

test('a row of weight in memory has its number in the session as its position, a row without weight has 0', () => {
  const place = { owner: 'positions', id: 's' };
  const write = { bump: true, release: false };
  const rows = [1, 0, 1].map((weight) => ({ weight, content: plain('a') }));
  memory.write(place, { ...write, rows, group: { id: 'g', from: 0 } });
  expect(memory.group(place, 'g').map(({ position }) => position)).toEqual([1, 0, 2]);
});

test('a copy has the rows of its messages and no empty ones after them', () => {
  const rows = ['ab', 'c', 'de'].map((content, at) => ({
    ...{ content, weight: content.length, position: at + 1, version: at + 1, at: 0 },
  }));
  const copied = (messages: number): string[] =>
    firstRows(rows, messages, ({ content }, count) => content.slice(0, count)).map(
      ({ content, weight }) => `${weight} ${content}`,
    );
  expect([0, 1, 2, 3, 4, 9].map(copied)).toEqual([
    [],
    ['1 a'],
    ['2 ab'],
    ['2 ab', '1 c'],
    ['2 ab', '1 c', '1 d'],
    ['2 ab', '1 c', '2 de'],
  ]);
});
