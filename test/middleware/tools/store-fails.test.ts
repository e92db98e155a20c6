import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { mockTool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { MortalStore } from './mortal-store.ts';
import { calling } from './stage.ts';

const KEY = { owner: 'o', id: 's' };
/** What the model uses in each of its calls. */
const TOKENS = 20;

describe('R60 a store that fails while it is given the first steps of a turn', () => {
  test.each(['before', 'after'] as const)(
    '%s it has stored them: what was spent counts once, and nothing is appended beside the record',
    async (when) => {
      const store = new MemoryStore();
      const work = mockTool('work', { onUnknownOutcome: 'fail' });
      const fuse = { burns: (call: string) => call === 'record reply 0', when };
      const failing = new MortalStore(store, new SluiceError('store', 'Gone.', { retryable: false }), fuse);
      const send = (at: typeof failing | MemoryStore, model: ReturnType<typeof scripted>) =>
        new Pipeline([tools([work]), provider(model)], { store: at }).executeWithContext(
          KEY,
          'user',
          'Go on.',
          {
            turnId: 't',
          },
        );
      const first = scripted(calling(['work', {}]));
      await expect(send(failing, first)).rejects.toMatchObject({ code: 'store' });
      expect(work.calls).toHaveLength(0);
      expect((await store.spend(KEY)).usage.totalTokens).toBe(TOKENS);
      const state = await store.load(KEY);
      expect([state?.open, state?.messages.length, state?.turns]).toEqual(['t', 1, 0]);

      // What is stored is not asked again, and a call that may have begun is not run.
      const second = scripted(when === 'before' ? [calling(['work', {}]), 'Done.'] : 'Done.');
      const { response } = await send(store, second);
      expect(response.content).toBe('Done.');
      expect(work.calls).toHaveLength(when === 'before' ? 1 : 0);
      const spent = await store.spend(KEY);
      expect([spent.usage.totalTokens, spent.turns]).toEqual([TOKENS * (1 + second.requests.length), 1]);
    },
  );
});
