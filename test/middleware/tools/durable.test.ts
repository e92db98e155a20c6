import { MemoryStore, Pipeline, SluiceError, contextKey } from 'sluice';
import type { Middleware, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { tool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { calling, resultsIn } from './stage.ts';
import { KEY, counted, run } from './turns.ts';

const rolesOf = async (store: StateStore): Promise<string[]> =>
  ((await store.load(KEY))?.messages ?? []).map(({ role, partial }) => (partial ? `${role}*` : role));

const failure = { error: new SluiceError('invalid_request', 'No.') };

describe('a turn with tools', () => {
  test('is stored step by step, and as messages at its end', async () => {
    const recorded: string[][] = [];
    class Watched extends ForwardingStore {
      override record(...call: Parameters<StateStore['record']>): Promise<number> {
        recorded.push(call[2].map(({ kind }) => kind));
        return super.record(...call);
      }
    }
    const { made } = counted();
    const store = new Watched(new MemoryStore());
    const { result } = await run(store, [tools([made])], [calling(['count', {}]), 'done'], { turnId: 't' });
    expect(result?.outcome).toBe('completed');
    expect(recorded).toEqual([['reply'], ['result']]);
    expect(await store.steps(KEY, 't')).toEqual([]);
    expect((await store.load(KEY))?.open).toBeUndefined();
    expect(await rolesOf(store)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('asks the store for nothing more if no tool is called', async () => {
    const verbs = async (layers: Middleware[]): Promise<string[]> => {
      const calls: string[] = [];
      const store = new Proxy(new MemoryStore(), {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          return (...given: unknown[]): unknown => {
            calls.push(String(name));
            return Reflect.apply(value, target, given);
          };
        },
      });
      await run(store, layers, ['hello'], { turnId: 't' });
      return calls.toSorted();
    };
    expect(await verbs([tools([counted().made])])).toEqual(await verbs([]));
  });

  test('goes on after a failure: what has run does not run again, and is said again', async () => {
    const store = new MemoryStore();
    const { made, runs } = counted();
    const first = await run(store, [tools([made])], [calling(['count', {}]), failure], { turnId: 't' });
    expect(first.error?.code).toBe('invalid_request');
    expect((await store.load(KEY))?.open).toBe('t');
    expect(await rolesOf(store)).toEqual(['user']);

    const second = await run(store, [tools([made])], ['done'], { turnId: 't' });
    expect(runs).toHaveLength(1);
    expect(second.seen).toEqual(['call 0_0 count', 'result 0_0 run 1', 'done', 'done']);
    expect(resultsIn(second.model.requests[0]?.messages)).toEqual(['ok 0_0 run 1']);
    expect(await rolesOf(store)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect((await store.load(KEY))?.open).toBeUndefined();
  });

  test('counts the money of all its runs once', async () => {
    const store = new MemoryStore();
    const { made } = counted();
    const prices = { 'scripted-model': { input: 1, output: 1 } };
    const layers = (): Middleware[] => [cost({ prices: { ...prices } }), tools([made])];
    const first = await run(store, layers(), [calling(['count', {}]), failure], { turnId: 't' });
    const spentBefore = await store.spend({ owner: '', id: KEY });
    expect(spentBefore.usage.totalTokens).toBe(first.error?.partial?.usage?.totalTokens);
    expect(spentBefore.turns).toBe(0);
    const second = await run(store, layers(), ['done'], { turnId: 't' });
    const spent = await store.spend({ owner: '', id: KEY });
    expect(spent.turns).toBe(1);
    expect(spent.usage).toEqual(second.result?.turn?.usage);
    expect(second.result?.turn?.id).toBe('t');
    expect(spent.usage.totalTokens).toBe(
      spentBefore.usage.totalTokens + (second.result?.usage.totalTokens ?? Number.NaN),
    );
  });

  test('that is sent again with other words is a conflict', async () => {
    const store = new MemoryStore();
    const { made } = counted();
    await run(store, [tools([made])], [calling(['count', {}]), failure], { turnId: 't' });
    const other = await run(store, [tools([made])], ['done'], { turnId: 't' }, 'Something else.');
    expect(other.error?.code).toBe('conflict');
    await run(store, [tools([made])], ['done'], { turnId: 't' });
    const late = await run(store, [tools([made])], ['done'], { turnId: 't' }, 'Something else.');
    expect(late.error?.code).toBe('conflict');
  });

  test('keeps the session values that its tools have set, whatever becomes of it', async () => {
    const Seen = contextKey<string>('seen');
    const sets = tool({
      name: 'sets',
      description: 'Sets a value',
      input: z.object({}),
      execute: (_input, { session }) => session?.set(Seen, 'yes'),
    });
    const store = new MemoryStore();
    await run(store, [tools([sets])], [calling(['sets', {}]), failure], { turnId: 't' });
    expect((await store.load(KEY))?.metadata).toEqual({ seen: 'yes' });
  });

  test('that another turn follows is settled: each call has one result, and it never runs again', async () => {
    const store = new MemoryStore();
    const { made, runs } = counted();
    await run(store, [tools([made])], [calling(['count', {}]), { text: 'Half an', ...failure }], {
      turnId: 't',
    });
    const next = await run(store, [tools([made])], ['hello'], { turnId: 'u' }, 'And now?');
    expect(next.result?.outcome).toBe('completed');
    expect(await rolesOf(store)).toEqual(['user', 'assistant', 'tool', 'assistant*', 'user', 'assistant']);
    expect(resultsIn(next.model.requests[0]?.messages)).toEqual(['ok 0_0 run 1']);
    const late = await run(store, [tools([made])], ['done'], { turnId: 't' });
    expect(late.result).toMatchObject({ outcome: 'interrupted', reason: 'abandoned', replayed: true });
    expect(runs).toHaveLength(1);
  });
});

describe('a turn whose process has died while a tool ran', () => {
  /** Runs a turn as another process would: its session is taken by whoever comes next. */
  function elsewhere(store: StateStore, made: Tool, signal: AbortSignal): Promise<unknown> {
    const model = scripted([calling([made.name, {}])]);
    const options = { store: new ForwardingStore(store), closeTimeoutMs: 1 };
    const pipeline = new Pipeline([tools([made]), provider(model)], options);
    return pipeline.executeWithContext(KEY, 'user', 'Go on.', { turnId: 't', signal });
  }

  test.each([
    ['runs the tool again if it is idempotent', 'retry', 'ok 0_0 run 1'],
    ['says that the tool may have taken effect if it is not to be asked about', 'fail', 'error 0_0'],
  ] as const)('%s', async (_name, onUnknownOutcome, told) => {
    const store = new MemoryStore();
    const begun = Promise.withResolvers<void>();
    const hangs = tool({
      name: 'count',
      description: 'Never ends',
      input: z.object({}),
      onUnknownOutcome,
      execute: () => {
        begun.resolve();
        return new Promise<string>(() => undefined);
      },
    });
    const process = new AbortController();
    const lost = elsewhere(store, hangs, process.signal);
    await begun.promise;
    const { made, runs } = counted('count', { onUnknownOutcome });
    const next = await run(store, [tools([made])], ['done'], { turnId: 't', onBusy: 'supersede' });
    expect(next.result?.outcome).toBe('completed');
    expect(runs).toHaveLength(onUnknownOutcome === 'retry' ? 1 : 0);
    expect(resultsIn(next.model.requests[0]?.messages).join()).toContain(told);
    process.abort();
    await expect(lost).rejects.toMatchObject({ code: 'aborted' });
    expect(await rolesOf(store)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });
});
