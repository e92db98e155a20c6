import { expect, test } from 'vitest';
import { noUsage } from 'sluice';
import type { StateStore, TurnEnd } from 'sluice';
import { failureOf } from '../core/harness.ts';

const usage = { ...noUsage(), inputTokens: 10, outputTokens: 5, totalTokens: 15 };
const end = (cost: TurnEnd['cost'], estimated?: true): TurnEnd => ({
  outcome: 'completed',
  finishReason: 'stop',
  model: 'm',
  provider: 'p',
  leaseToken: 1,
  usage: { ...usage, ...(estimated && { estimated }) },
  cost,
});
const contents = (state: { messages: readonly { content: unknown }[] } | undefined): unknown[] =>
  state?.messages.map(({ content }) => content) ?? ['nothing'];
const texts = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`);
const talk = { owner: 'ada', id: 'talk' };
const long = { owner: 'ada', id: 'long' };
const fork = { owner: 'ada', id: 'fork' };
/** Ids that the database cannot store as they are. */
const odd = { owner: 'o\0"\\\n', id: '\\n"\0é' };

/** What a store reads of a database with tables of version 1, whose contents are the same in every database. */
export function readsFirstTables(open: () => Promise<StateStore>): void {
  const using = async (check: (store: StateStore) => Promise<void>): Promise<void> => {
    const store = await open();
    await check(store);
    await store.close();
  };

  test('messages, metadata and sums of a session are read', () =>
    using(async (store) => {
      const state = await store.load(talk);
      expect(contents(state)).toEqual(['q1', [{ type: 'text', text: 'a1' }]]);
      expect(state).toMatchObject({
        version: 4,
        messageCount: 2,
        metadata: { mood: 'calm', rank: 2, 'odd "key"\0\ud800': ['\0', { deep: null }] },
        usage: { inputTokens: 20, outputTokens: 10, totalTokens: 30, estimated: true },
        cost: { status: 'estimated', totalUsd: 0.75, inputUsd: 0.75 },
        turns: 2,
      });
      expect(await store.spend(odd)).toEqual({
        usage,
        cost: { status: 'exact', totalUsd: 1, inputUsd: 1 },
        turns: 1,
      });
      const spend = await store.spend({ owner: 'ada' });
      expect([spend.turns, spend.cost, spend.usage.inputTokens]).toEqual([3, { status: 'unknown' }, 30]);
      expect(await store.spend({ owner: odd.owner })).toMatchObject({ turns: 1, cost: { totalUsd: 1 } });
    }));

  test('turns are known by their ids', () =>
    using(async (store) => {
      const exact = end({ status: 'exact', totalUsd: 0.5, inputUsd: 0.5 });
      expect(await store.turn(talk, 't1.reply')).toMatchObject({ version: 2, end: exact });
      const noted = end({ status: 'estimated', totalUsd: 0.25, inputUsd: 0.25 }, true);
      expect(await store.turn(talk, 'noted')).toEqual({
        turnId: 'noted',
        messages: [],
        ids: [],
        version: 4,
        end: noted,
      });
      expect(contents(await store.turn(long, 'import'))).toEqual(texts(120));
      expect(contents(await store.turn(odd, '\\t"\0'))).toEqual(['odd']);
      const again = { expectedVersion: 9, turnId: 't1.input' };
      expect(await store.append(talk, [{ message: { role: 'user', content: 'q1' } }], again)).toBe(4);
    }));

  test('a window of a long session, a fork and a list are read', () =>
    using(async (store) => {
      expect(contents(await store.load(long, { last: 60 }))).toEqual([...texts(120).slice(-59), 'last']);
      expect(contents(await store.load(fork))).toEqual(texts(60));
      expect(contents(await store.load(odd))).toEqual(['odd']);
      const { sessions } = await store.list({ owner: 'ada' });
      expect(sessions.map(({ id, version }) => [id, version])).toEqual([
        ['fork', 1],
        ['long', 2],
        ['talk', 4],
      ]);
      expect((await store.list({ owner: odd.owner })).sessions).toMatchObject([{ id: odd.id }]);
    }));

  test('they can be written to as before, and tokens of leases keep growing', () =>
    using(async (store) => {
      const lease = await store.lease(talk, 60_000);
      expect(lease.token).toBeGreaterThan(1);
      const options = { turnId: 't2', lease, metadata: { mood: undefined } };
      const entries = [{ message: { role: 'user' as const, content: 'q2' } }];
      const stale = store.append(talk, entries, { ...options, expectedVersion: 3 });
      expect(await failureOf(stale)).toMatchObject({ code: 'conflict' });
      const paid = { ...options, expectedVersion: 4, end: end({ status: 'exact', totalUsd: 1 }) };
      expect(await store.append(talk, entries, paid)).toBe(5);
      await lease.release();
      const state = await store.load(talk, { last: 1 });
      expect([contents(state), state?.messageCount, state?.open]).toEqual([['q2'], 3, undefined]);
      expect(Object.keys(state?.metadata ?? {}).sort()).toEqual(['odd "key"\0\ud800', 'rank']);
      expect([state?.turns, state?.cost.totalUsd]).toEqual([3, 1.75]);
      expect(contents(await store.load(await store.fork(long, 101)))).toEqual(texts(101));
      expect(await store.forget('ada')).toBe(4);
    }));
}
