import fc from 'fast-check';
import { afterEach, beforeEach, describe, test, vi } from 'vitest';
import { MemoryStore, type StateStore } from 'sluice';
import { sqliteStore } from 'sluice/stores/sqlite';
import { seedOf } from './seed.ts';
import { commands } from './store-commands.ts';
import { StoreModel } from './store-model.ts';

const TTL_MS = 1_000;
const stores: { name: string; make: () => StateStore; runs: number }[] = [
  { name: 'memory', make: () => new MemoryStore({ ttlMs: TTL_MS }), runs: 1_500 },
  { name: 'sqlite', make: () => sqliteStore({ path: ':memory:', ttlMs: TTL_MS }), runs: 300 },
];

describe('a store compared with its model, for random calls of several clients in random order', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  test.each(stores)(
    'R34 R35 R42 R43 $name answers as the model does ($runs schedules)',
    async ({ name, make, runs }) => {
      const clients = fc.array(fc.array(commands({ clock: true }), { maxLength: 12 }), {
        minLength: 1,
        maxLength: 4,
      });
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), clients, async (scheduler, scripts) => {
          const store = make();
          const wait = (ms: number): void => void vi.setSystemTime(Date.now() + ms);
          const model = new StoreModel(store, { ttlMs: TTL_MS, wait });
          try {
            const all = Promise.all(
              scripts.map(async (script) => {
                const client = model.client();
                for (const command of script) {
                  await scheduler.schedule(Promise.resolve(), command.op);
                  await model.run(client, command);
                }
              }),
            );
            await scheduler.waitFor(all);
            await model.compare();
          } finally {
            await store.close();
          }
        }),
        { numRuns: runs, seed: seedOf(`the model of ${name}`) },
      );
    },
  );
});
