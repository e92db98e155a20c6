import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type MemoryStore, Pipeline, SluiceError } from 'sluice';
import { Model, says, stop, texts, tokens } from '../core/harness.ts';
import { TroubledStore, linesOf, processes } from './stage.ts';

const LEASE_MS = 15_000;

/** A turn `t` of a process that has begun its reply. */
async function begun(
  store: MemoryStore,
): Promise<{ model: Model; turn: ReturnType<Pipeline['executeWithContext']> }> {
  const model = new Model().give(texts('mine'));
  const pipeline = new Pipeline([model.middleware], { store, executionTimeoutMs: 0 });
  const turn = pipeline.executeWithContext('s', 'user', 'hi', { turnId: 't' });
  await vi.advanceTimersByTimeAsync(0);
  return { model, turn };
}

describe('R42 the same turn, run by two processes because the first one lost its lease', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  test.each(['superseded', 'paused'])(
    'a late reply is not confused with the stored one (the first was %s)',
    async (how) => {
      const [one, two] = processes();
      const { model, turn } = await begun(one);
      // A paused process renews nothing, but its clock moves on.
      if (how === 'paused') vi.setSystemTime(Date.now() + LEASE_MS + 1);
      const other = new Pipeline([says('theirs')], { store: two });
      const onBusy = how === 'superseded' ? 'supersede' : 'queue';
      const theirs = await other.executeWithContext('s', 'user', 'hi', { turnId: 't', onBusy });
      expect(theirs.response.content).toBe('theirs');
      model.give(stop({ usage: tokens(1, 2) }));
      await vi.advanceTimersByTimeAsync(0);
      const mine = await turn;
      expect(mine.response.content).toBe('mine');
      expect(mine.unsaved).toEqual([{ role: 'assistant', content: 'mine' }]);
      expect(mine.warnings).toEqual([expect.stringContaining('The turn was not saved')]);
      expect(await linesOf(one)).toEqual(['user: hi', 'assistant: theirs']);
      const again = await other.executeWithContext('s', 'user', 'hi', { turnId: 't' });
      expect([again.replayed, again.response.content]).toEqual([true, 'theirs']);
    },
  );

  test('R43 a reply whose append was stored but not acknowledged is recognized as stored', async () => {
    const store = new TroubledStore();
    const { model, turn } = await begun(store);
    const lost = store.append.bind(store);
    let appends = 0;
    store.append = async (...given) => {
      const version = await lost(...given);
      if (++appends < 3) throw new SluiceError('store', 'The answer is lost.');
      return version;
    };
    model.give(stop());
    await vi.advanceTimersByTimeAsync(1_000);
    const { unsaved, warnings } = await turn;
    expect([appends, unsaved, warnings]).toEqual([3, undefined, []]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: mine']);
  });
});
