import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { SluiceError, defineStore } from 'sluice';
import type { StoreDriver } from 'sluice';
import { stateStoreContract } from 'sluice/testing';
import { mapStore } from '../../examples/write-a-store.ts';
import { failureOf } from '../core/harness.ts';

stateStoreContract({
  name: 'the store of the guide',
  makeStore: (options) => mapStore(options),
  describe,
  test: (name, body) => it(name, body, 30_000),
});

describe('a store of a driver', () => {
  const nothing: StoreDriver = {
    load: () => undefined,
    group: () => [],
    write: () => ({ version: 1, token: 0 }),
    lease: () => undefined,
    hold: () => undefined,
    spent: () => ({}),
    list: () => [],
    delete: () => undefined,
    forget: () => 0,
    close: () => undefined,
  };
  const broken = (error: Error): StoreDriver => ({
    ...nothing,
    load: () => Promise.reject(error),
    write: () => Promise.reject(error),
    spent: () => {
      throw error;
    },
  });

  test('turns what the driver throws or rejects with into a store error, with the error as its cause', async () => {
    const cause = new Error('no connection');
    const store = defineStore(broken(cause));
    for (const [doing, call] of [
      ['update', store.update('s', {}, { expectedVersion: 1 })],
      ['load', store.load('s')],
      ['spend', store.spend({ owner: 'a' })],
    ] as const)
      expect(await failureOf(call)).toMatchObject({
        code: 'store',
        retryable: true,
        message: `The session store failed at ${doing} (see the cause).`,
        cause,
      });
  });

  test('asks the option `fault` what an error means', async () => {
    const fault = (_error: unknown, doing: string): SluiceError | undefined =>
      doing === 'load' ? new SluiceError('store', 'Create the table.', { retryable: false }) : undefined;
    const store = defineStore(broken(new Error('no table')), { fault });
    expect(await failureOf(store.load('s'))).toMatchObject({
      retryable: false,
      message: 'Create the table.',
    });
    expect(await failureOf(store.spend({ owner: 'a' }))).toMatchObject({ retryable: true });
  });

  test('waits for the driver for timeoutMs, and releases a lease that is granted later', async () => {
    const late = Promise.withResolvers<{ token: number; until: number }>();
    const held: unknown[] = [];
    const store = defineStore(
      {
        ...nothing,
        load: () => new Promise(() => undefined),
        lease: () => late.promise,
        hold: (_place, token, ms) => {
          held.push([token, ms]);
          return 0;
        },
      },
      { timeoutMs: 5 },
    );
    expect(await failureOf(store.load('s'))).toMatchObject({
      code: 'store',
      retryable: true,
      message: 'The session store failed at load: the database gave no answer within 5 ms (timeoutMs).',
    });
    expect(await failureOf(store.lease('s', 1_000))).toMatchObject({ code: 'store' });
    late.resolve({ token: 7, until: 0 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(held).toEqual([[7, 0]]);
  });

  test('refuses a session whose rows are missing, and one whose sums are no numbers', async () => {
    const session = {
      version: 3,
      messages: 2,
      head: 1,
      fields: {},
      sums: {},
      createdAt: 0,
      updatedAt: 0,
      rows: [],
    };
    const missing = defineStore({ ...nothing, load: () => session });
    for (const call of [missing.load('s'), missing.fork('s')])
      expect(await failureOf(call)).toMatchObject({
        code: 'store',
        retryable: false,
        message: 'The session "s" cannot be read: its messages at version 3 are 0 where 2 were expected.',
      });
    const fields = { [`metadata:"color"`]: 'red' };
    const unreadable = defineStore({ ...nothing, load: () => ({ ...session, messages: 0, fields }) });
    expect(await failureOf(unreadable.load('s'))).toMatchObject({
      code: 'store',
      retryable: false,
      message: 'The session "s" cannot be read: its metadata is not valid JSON.',
    });
    const spent = defineStore({ ...nothing, spent: () => ({ turns: Number.NaN }) });
    expect(await failureOf(spent.spend({ owner: 'a' }))).toMatchObject({
      code: 'store',
      retryable: false,
      message: 'The session "" cannot be read: its sum of turns is not a number.',
    });
  });

  test('escapes NUL and backslash in ids, unless the driver takes ids as they are', async () => {
    const seen: string[] = [];
    const driver: StoreDriver = {
      ...nothing,
      delete: ({ owner, id }) => void seen.push(owner, id),
      list: () => [{ id: 'a\\0b', version: 1, updatedAt: 0 }],
    };
    const key = { owner: 'o\\', id: 'a\0b' };
    await defineStore(driver).delete(key);
    await defineStore(driver, { rawIds: true }).delete(key);
    expect(seen).toEqual(['o\\\\', 'a\\0b', 'o\\', 'a\0b']);
    const ids = async (store: ReturnType<typeof defineStore>): Promise<unknown> =>
      (await store.list({ owner: 'o' })).sessions.map(({ id }) => id);
    expect(await ids(defineStore(driver))).toEqual(['a\0b']);
    expect(await ids(defineStore(driver, { rawIds: true }))).toEqual(['a\\0b']);
  });
});

test('the guide shows the example as it is', () => {
  const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const example = read('examples/write-a-store.ts');
  expect(read('docs/stores/writing-a-store.md')).toContain(
    `\`\`\`ts\n${example.slice(example.indexOf('import '))}\`\`\``,
  );
});
