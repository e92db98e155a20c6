import { expect, test, vi } from 'vitest';
import { MemoryStore } from 'sluice';
import type { SessionState, TurnEnd } from 'sluice';
import { exportOwner } from 'sluice/stores/export-owner';
import { failureOf, tokens } from '../core/harness.ts';

const end: TurnEnd = {
  outcome: 'completed',
  usage: tokens(1, 2),
  cost: { status: 'exact', totalUsd: 0.5 },
};

/** A store with this number of sessions of one owner, and one of another. */
async function stored(count: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const owner of ['ada', 'bob']) {
    for (let at = 0; at < count; at++) {
      await store.append(
        { owner, id: `s${at}` },
        [{ message: { role: 'user', content: `${owner} ${at}` } }],
        {
          expectedVersion: 0,
          turnId: 't',
          metadata: { at },
          end,
        },
      );
    }
  }
  return store;
}

test('yields every session of an owner, over all pages, and returns what was spent', async () => {
  const store = await stored(250);
  await store.delete({ owner: 'ada', id: 's7' });
  const sessions: SessionState[] = [];
  const all = exportOwner(store, 'ada');
  let next = await all.next();
  for (; next.done !== true; next = await all.next()) sessions.push(next.value);
  expect(sessions).toHaveLength(249);
  const contents = sessions.flatMap(({ messages }) => messages.map(({ content }) => content));
  expect(new Set(contents).size).toBe(249);
  expect(contents.every((content) => String(content).startsWith('ada '))).toBe(true);
  expect(
    sessions.every(
      ({ owner, id, metadata, turns }) =>
        owner === 'ada' && id === `s${String(metadata['at'])}` && turns === 1,
    ),
  ).toBe(true);
  expect(next.value).toEqual(await store.spend({ owner: 'ada' }));
  expect(next.value.turns).toBe(250);
});

test('reads one session at a time, and leaves out one that is deleted in the meantime', async () => {
  const store = await stored(3);
  const load = vi.spyOn(store, 'load');
  const ids: string[] = [];
  for await (const { id } of exportOwner(store, 'ada')) {
    ids.push(id);
    expect(load).toHaveBeenCalledTimes(ids.length);
    if (id === 's1') await store.delete({ owner: 'ada', id: 's2' });
  }
  expect(ids).toEqual(['s0', 's1']);
});

test('yields the steps of a turn that is open', async () => {
  const store = await stored(2);
  const key = { owner: 'ada', id: 's1' };
  const lease = await store.lease(key, 60_000);
  await store.record(key, 'open', [{ kind: 'started', callId: 'c' }], { from: 0, lease });
  const steps = [];
  for await (const session of exportOwner(store, 'ada')) steps.push([session.open, session.steps]);
  expect(steps).toEqual([
    [undefined, undefined],
    ['open', [{ n: 0, step: { kind: 'started', callId: 'c' }, token: lease.token, at: expect.any(Number) }]],
  ]);
});

test('yields nothing for an unknown owner, and refuses an invalid one', async () => {
  const store = await stored(1);
  expect(await exportOwner(store, 'eve').next()).toMatchObject({ done: true, value: { turns: 0 } });
  expect(await failureOf(exportOwner(store, 'x'.repeat(513)).next())).toMatchObject({
    code: 'invalid_options',
  });
});

test.each(['list', 'load', 'steps', 'spend'] as const)(
  '%s that is never answered ends it in time',
  async (verb) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const store = await stored(1);
      const key = { owner: 'ada', id: 's0' };
      const lease = await store.lease(key, 60_000);
      await store.record(key, 'open', [{ kind: 'started', callId: 'c' }], { from: 0, lease });
      vi.spyOn(store, verb).mockReturnValue(new Promise<never>(() => undefined));
      for (const [options, ms] of [
        [{}, 5_000],
        [{ storeTimeoutMs: 300 }, 300],
      ] as const) {
        const all = exportOwner(store, 'ada', options);
        const failed = failureOf(verb === 'spend' ? all.next().then(() => all.next()) : all.next());
        await vi.advanceTimersByTimeAsync(ms);
        const { code, retryable, message } = await failed;
        expect([code, retryable]).toEqual(['store', true]);
        expect(message).toContain(`no answer to ${verb} within ${ms} ms`);
      }
    } finally {
      vi.useRealTimers();
    }
  },
);

test('wrong options are refused', async () => {
  const store = await stored(1);
  const error = await failureOf(exportOwner(store, 'ada', { storeTimeoutMs: -1 }).next());
  expect(error).toMatchObject({
    code: 'invalid_options',
    message: 'exportOwner(): storeTimeoutMs is a number: give a number of at least 0.',
  });
});
