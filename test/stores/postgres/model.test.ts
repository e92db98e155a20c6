import fc from 'fast-check';
import { beforeAll, test } from 'vitest';
import { seedOf } from '../../session/seed.ts';
import { commands } from '../../session/store-commands.ts';
import { StoreModel } from '../../session/store-model.ts';
import { anOwner, onPostgres } from './stage.ts';

await onPostgres('model', ({ open }) => {
  beforeAll(() => open().migrate());

  test('R34 R42 R43 answers as the model of a store does, whatever several clients ask of it', async () => {
    const asked = fc.array(fc.tuple(fc.nat(2), commands({ clock: false })), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(asked, async (script) => {
        const owner = anOwner();
        const store = open();
        const model = new StoreModel(store, { owner });
        const clients = [model.client(), model.client(), model.client()];
        for (const [at, command] of script) {
          const client = clients[at];
          if (client !== undefined) await model.run(client, command);
        }
        await model.compare();
        await store.forget(owner);
      }),
      { numRuns: 100, seed: seedOf('the model of postgres') },
    );
  });
});
