import { afterEach, describe, expect, it, vi } from 'vitest';

import { stateStoreCases, stateStoreContract } from '../../testing/index.ts';
import { brokenStores } from './broken-stores.ts';
import { corrupt, sound } from './rot-store.ts';
import { slowIn } from './slow-in.ts';

const options = { name: 'one', makeStore: sound, corrupt, describe, test: it };

stateStoreContract({ ...options, another: (store) => store });

const SLOW_METHODS = ['lease', 'append', 'record', 'update', 'load', 'fork', 'turn', 'steps'] as const;

const sane = stateStoreCases(options).map(({ name }) => name);

describe('the contract of a session store', () => {
  for (const [name, breakIt] of Object.entries(brokenStores)) {
    it(`fails if it breaks "${name}"`, async () => {
      const cases = stateStoreCases({
        ...options,
        timeoutMs: 2_000,
        makeStore: (given) => {
          const store = sound(given);
          breakIt(store);
          return store;
        },
      });
      await expect(cases.find((one) => one.name === name)?.run()).rejects.toThrow();
    });
  }

  describe.each(SLOW_METHODS)('is kept by a store whose %s is slow', (method) => {
    afterEach(() => void vi.restoreAllMocks());
    const makeStore = (given?: { ttlMs?: number }): ReturnType<typeof sound> =>
      slowIn(method, () => sound(given));
    for (const { name, run } of stateStoreCases({ name: 'slow', makeStore }))
      if (/expire|life|lease/.test(name)) it(name, run);
  });

  it('has a broken store for each case', () => {
    expect(Object.keys(brokenStores).sort()).toEqual([...sane].sort());
  });

  it('fails a store whose sessions never expire, when the case times out', async () => {
    const cases = stateStoreCases({ ...options, timeoutMs: 200, makeStore: () => sound() });
    const run = cases.find(({ name }) => name.startsWith('an unused session expires'))?.run();
    await expect(run).rejects.toThrow('Still running after 200 ms');
  });

  it('skips the cases about corrupt data if the data cannot be corrupted', () => {
    const names = stateStoreCases({ name: 'one', makeStore: sound }).map(({ name }) => name);
    expect(sane.filter((name) => !names.includes(name))).toHaveLength(6);
  });

  it('closes every store it gets, even if a case fails', async () => {
    const log: string[] = [];
    const made = (name: string): ReturnType<typeof sound> => {
      const store = sound();
      store.close = async () => void log.push(`${name} closed`);
      store.fork = () => Promise.reject(new Error('broken'));
      return store;
    };
    const cases = stateStoreCases({
      name: 'one',
      makeStore: () => made('one'),
      another: () => made('another'),
    });
    for (const name of [
      'returns undefined for a session that was never written',
      'rejects a fork of a session that does not exist',
    ])
      await cases
        .find((one) => one.name === name)
        ?.run()
        .catch(() => log.push('failed'));
    expect(log).toEqual(['another closed', 'one closed', 'another closed', 'one closed', 'failed']);
  });
});
