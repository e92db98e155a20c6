import { describe, expect, it } from 'vitest';

import { stateStoreCases, stateStoreContract } from '../../testing/index.ts';
import { brokenStores } from './broken-stores.ts';
import { corrupt, sound } from './rot-store.ts';

const options = { name: 'one', makeStore: sound, corrupt, describe, test: it };

stateStoreContract({ ...options, another: (store) => store });

const sane = stateStoreCases(options).map(({ name }) => name);

describe('the contract of a session store', () => {
  for (const [name, breakIt] of Object.entries(brokenStores)) {
    it(`fails one that breaks "${name}"`, async () => {
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

  it('has a broken store for each of its cases', () => {
    expect(Object.keys(brokenStores).sort()).toEqual([...sane].sort());
  });

  it('fails one whose sessions never expire, when the time of the case is over', async () => {
    const cases = stateStoreCases({ ...options, timeoutMs: 200, makeStore: () => sound() });
    const run = cases.find(({ name }) => name.startsWith('a session that nobody used'))?.run();
    await expect(run).rejects.toThrow('not over after 200 ms');
  });

  it('leaves the cases about corrupt data out for a store whose data nobody can spoil', () => {
    const names = stateStoreCases({ name: 'one', makeStore: sound }).map(({ name }) => name);
    expect(sane.filter((name) => !names.includes(name))).toHaveLength(6);
  });

  it('closes every store that it was given, also where a case fails', async () => {
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
      'knows nothing of a session that nobody wrote to',
      'refuses to fork what is not there',
    ])
      await cases
        .find((one) => one.name === name)
        ?.run()
        .catch(() => log.push('failed'));
    expect(log).toEqual(['another closed', 'one closed', 'another closed', 'one closed', 'failed']);
  });
});
