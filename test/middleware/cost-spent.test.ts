import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { AppendOptions, Spend, SpendScope, StateStore } from 'sluice';
import { cost } from 'sluice/middleware/cost';
import type { Budget, CostOptions, Ledger } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { failureOf, settled } from '../core/harness.ts';
import { PRICES, codeOf, remote } from './cost-stage.ts';

/** It costs what it reserves: a thousandth of a dollar. */
const THOUSAND: ScriptedAnswer = { text: 'Hello', usage: { inputTokens: 0, outputTokens: 1_000 } };
const SESSION: Budget = { usd: 0.003, per: 'session' };
const OWNER: Budget = { usd: 0.003, per: 'owner' };

/** A pipeline over a store with these budgets; several share a ledger as several processes do. */
function over(
  store: StateStore,
  budgets: Budget[],
  { answer = THOUSAND, ...options }: CostOptions & { answer?: ScriptedAnswer } = {},
) {
  const model = scripted(answer, { repeat: true });
  const priced = cost({ prices: PRICES, budgets, store, ...options });
  const pipeline = new Pipeline([priced, provider(model)], {
    store,
    executionTimeoutMs: 0,
    maxQueuedTurns: 100,
  });
  return {
    model,
    turn: (owner: string, id: string) => codeOf(pipeline.executeWithContext({ owner, id }, 'user', 'Hi')),
    pipeline,
  };
}

/** A store with one method replaced. */
function changed(store: StateStore, methods: Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get(target, name): unknown {
      const value: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

afterEach(() => void vi.useRealTimers());

describe('a budget per session', () => {
  test('counts what the store reports as spent, across pipelines', async () => {
    const store = new MemoryStore();
    for (let turn = 0; turn < 3; turn++)
      expect(await over(store, [SESSION]).turn('acme', 's')).toBe('completed');
    const { model, turn } = over(store, [SESSION]);
    expect(await turn('acme', 's')).toBe('budget');
    expect(model.calls).toHaveLength(0);
    expect(await turn('acme', 'other')).toBe('completed');
    expect(await turn('other', 's')).toBe('completed');
  });

  test('R39 is not passed by turns that are sent at the same time', async () => {
    const store = new MemoryStore();
    const { turn, model } = over(store, [SESSION]);
    const codes = await Promise.all(Array.from({ length: 10 }, () => turn('acme', 's')));
    expect(codes.filter((code) => code === 'completed')).toHaveLength(3);
    expect(codes.filter((code) => code === 'budget')).toHaveLength(7);
    expect(model.calls).toHaveLength(3);
  });

  test('counts the calls of one execution, too', async () => {
    const store = new MemoryStore();
    const model = scripted(THOUSAND, { repeat: true });
    const four = async function* four(_context: unknown, next: () => AsyncGenerator<never, never>) {
      for (let call = 0; call < 3; call++) yield* next();
      return yield* next();
    };
    const stack = [cost({ prices: PRICES, budgets: [SESSION], store }), four as never, provider(model)];
    const error = await failureOf(new Pipeline(stack, { store }).executeWithContext('s', 'user', 'Hi'));
    expect([error.code, model.calls.length]).toEqual(['budget', 3]);
  });
});

describe('a budget per owner', () => {
  test('counts what all sessions have spent, including deleted ones', async () => {
    const store = new MemoryStore();
    const { turn } = over(store, [OWNER]);
    expect([await turn('acme', 'a'), await turn('acme', 'b')]).toEqual(['completed', 'completed']);
    await store.delete({ owner: 'acme', id: 'a' });
    expect([await turn('acme', 'c'), await turn('acme', 'd')]).toEqual(['completed', 'budget']);
    expect(await turn('other', 'a')).toBe('completed');
  });

  test.each(['in memory', 'asynchronous'])(
    'R39 is not passed by turns of many sessions and processes at once; the ledger is %s',
    async (kind) => {
      const store = new MemoryStore();
      const sums = new Map<string, number>();
      const ledger = kind === 'asynchronous' ? { ledger: remote(sums) } : {};
      // Without a shared ledger one process keeps it for itself.
      const processes = Array.from({ length: kind === 'asynchronous' ? 3 : 1 }, () =>
        over(store, [OWNER], ledger),
      );
      const running = processes.flatMap(({ turn }, process) =>
        Array.from({ length: 10 }, (_, at) => turn('acme', `s${process}.${at}`)),
      );
      const codes = await Promise.all(running);
      expect(codes.filter((code) => code === 'completed')).toHaveLength(3);
      expect(codes.filter((code) => code !== 'completed' && code !== 'budget')).toEqual([]);
      expect((await store.spend({ owner: 'acme' })).cost.totalUsd).toBeCloseTo(0.003, 12);
      // What was held is given back when the store has it.
      await settled();
      expect([...sums.values()].filter((sum) => sum !== 0)).toEqual([]);
    },
  );

  test('R39 a turn is counted exactly once, also while it is being stored', async () => {
    const inner = new MemoryStore();
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const store = changed(inner, {
      async append(...call: [never, never, AppendOptions]) {
        if (call[2].end === undefined) return inner.append(...call);
        reached.resolve();
        await gate.promise;
        return inner.append(...call);
      },
    });
    const budget: Budget = { usd: 0.002, per: 'owner' };
    const ledger = remote();
    const first = over(store, [budget], { ledger }).turn('acme', 'a');
    await reached.promise;
    expect(await over(inner, [{ ...budget, usd: 0.001 }], { ledger }).turn('acme', 'b')).toBe('budget');
    expect(await over(inner, [budget], { ledger }).turn('acme', 'c')).toBe('completed');
    expect(await over(inner, [budget], { ledger }).turn('acme', 'd')).toBe('budget');
    gate.resolve();
    expect(await first).toBe('completed');
    await settled();
    expect(await over(inner, [{ ...budget, usd: 0.003 }], { ledger }).turn('acme', 'e')).toBe('completed');
  });

  test('a turn that could not be stored is counted, too', async () => {
    const inner = new MemoryStore();
    const store = changed(inner, {
      append: (...call: [never, never, AppendOptions]) =>
        call[2].end === undefined
          ? inner.append(...call)
          : Promise.reject(new SluiceError('lease_lost', 'Gone.')),
    });
    const ledger = remote();
    const budget: Budget = { usd: 0.001, per: 'owner' };
    expect(await over(store, [budget], { ledger }).turn('acme', 'a')).toBe('completed');
    expect((await inner.spend({ owner: 'acme' })).turns).toBe(0);
    expect(await over(inner, [budget], { ledger }).turn('acme', 'b')).toBe('budget');
  });

  test('the reservations of a crashed process expire after two hours', async () => {
    let now = Date.parse('2026-01-01T00:59:00Z');
    const store = new MemoryStore();
    const steps: [string, number][] = [];
    const inner = remote();
    const ledger: Ledger = {
      add(counter, usd, expiresAtMs) {
        steps.push([counter, (expiresAtMs - now) / 3_600_000]);
        return inner.add(counter, usd, expiresAtMs);
      },
    };
    const options = { ledger, now: () => now };
    const gate = manualGate();
    const dying = over(store, [OWNER], { ...options, answer: { ...THOUSAND, gate: gate.gate } });
    // They end after everything that is tried here.
    const held = ['a', 'b', 'c'].map((id) => dying.turn('acme', id));
    while (dying.model.calls.length < 3) await settled();
    const code = (): Promise<string> => over(store, [OWNER], options).turn('acme', 'd');
    expect(await code()).toBe('budget');
    now += 60_000;
    expect(await code()).toBe('budget');
    now += 3_600_000;
    expect(await code()).toBe('completed');
    expect(steps.every(([, hours]) => hours > 2 && hours <= 3)).toBe(true);
    gate.open();
    await Promise.all(held);
  });

  test('two budgets of one owner have separate counters', async () => {
    const store = new MemoryStore();
    const ledger = remote();
    const budgets: Budget[] = [OWNER, { usd: 0.001, per: 'owner', name: 'trial' }];
    expect(await over(store, budgets, { ledger }).turn('acme', 'a')).toBe('completed');
    const { pipeline } = over(store, budgets, { ledger });
    expect(
      (await failureOf(pipeline.executeWithContext({ owner: 'acme', id: 'b' }, 'user', 'Hi'))).message,
    ).toBe('The budget "trial" of $0.001 per owner is used up.');
    expect(await over(store, [OWNER], { ledger }).turn('acme', 'c')).toBe('completed');
  });
});

describe('both', () => {
  test.each(['session', 'owner'] as const)(
    'where the store fails the call of a budget per %s is not made',
    async (per) => {
      const store = changed(new MemoryStore(), {
        spend: (): Promise<Spend> => Promise.reject(new SluiceError('store', 'Gone.')),
      });
      const { turn, model } = over(store, [{ usd: 1, per }]);
      expect(await turn('acme', 's')).toBe('store');
      expect(model.calls).toHaveLength(0);
    },
  );

  test.each(['session', 'owner'] as const)(
    'where the store does not answer in time the call of a budget per %s is not made',
    async (per) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const late = Promise.withResolvers<Spend>();
      const store = changed(new MemoryStore(), { spend: () => late.promise });
      for (const [options, ms] of [
        [{}, 5_000],
        [{ storeTimeoutMs: 300 }, 300],
      ] as const) {
        const { pipeline, model } = over(store, [{ usd: 1, per }], options);
        const failed = failureOf(pipeline.executeWithContext('s', 'user', 'Hi'));
        await vi.advanceTimersByTimeAsync(ms);
        const { code, retryable, message } = await failed;
        expect([code, retryable, model.calls.length]).toEqual(['store', true, 0]);
        expect(message).toContain(`no answer to spend within ${ms} ms`);
        expect(vi.getTimerCount()).toBe(0);
      }
      late.reject(new Error('late'));
      await vi.advanceTimersByTimeAsync(0);
    },
  );

  test.each(['session', 'owner'] as const)(
    'where the store did not answer, the next try asks it again for a budget per %s',
    async (per) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const inner = new MemoryStore();
      let asked = 0;
      const store = changed(inner, {
        spend: (scope: SpendScope) =>
          asked++ === 0 ? new Promise<never>(() => undefined) : inner.spend(scope),
      });
      const model = scripted(THOUSAND);
      const priced = cost({ prices: PRICES, budgets: [{ usd: 1, per }], store });
      const pipeline = new Pipeline([retry({ retryOn: ['store'] }), priced, provider(model)], { store });
      const turn = pipeline.executeWithContext('s', 'user', 'Hi');
      await vi.advanceTimersByTimeAsync(20_000);
      expect([(await turn).outcome, asked, model.calls.length]).toEqual(['completed', 2, 1]);
    },
  );

  test.each(['day', 'owner'] as const)(
    'where the ledger does not answer in time the call of a budget per %s is not made',
    async (per) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const ledger: Ledger = { add: () => new Promise<never>(() => undefined) };
      const { pipeline, model } = over(new MemoryStore(), [{ usd: 1, per }], { ledger });
      const failed = failureOf(pipeline.executeWithContext('s', 'user', 'Hi'));
      await vi.advanceTimersByTimeAsync(5_000);
      const { code, retryable, message } = await failed;
      expect([code, retryable, model.calls.length]).toEqual(['store', true, 0]);
      expect(message).toContain('no answer to ledger.add within 5000 ms');
    },
  );

  test.each(['session', 'owner'] as const)(
    'a spend that is not known leaves nothing of a budget per %s',
    async (per) => {
      const store = new MemoryStore();
      const key = { owner: 'acme', id: 's' };
      const usage = { ...(await store.spend({ owner: 'acme' })).usage };
      const end = { outcome: 'completed', usage, cost: { status: 'unknown' } } as const;
      await store.append(key, [], { expectedVersion: 0, turnId: 't', end });
      const { pipeline, model } = over(store, [{ usd: 1, per }]);
      const error = await failureOf(pipeline.executeWithContext(key, 'user', 'Hi'));
      expect([error.code, error.retryable, model.calls.length]).toEqual(['budget', false, 0]);
      expect(error.message).toBe(
        `What the ${per} has spent so far is not known: give cost() the prices of all models, or unknownPrice: 'allow'.`,
      );
      expect(await over(store, [{ usd: 1, per }], { unknownPrice: 'allow' }).turn('acme', 's')).toBe(
        'completed',
      );
    },
  );

  test('do not apply to an execution without a session', async () => {
    const store = new MemoryStore();
    const { pipeline } = over(store, [
      { usd: 0, per: 'session' },
      { usd: 0, per: 'owner' },
    ]);
    expect(await codeOf(pipeline.execute('user', 'Hi'))).toBe('completed');
  });

  test('need the store, and take no key', async () => {
    const key = (): string => 'acme';
    const error = await failureOf((async () => cost({ budgets: [{ usd: 1, per: 'owner', key }] }))());
    expect(error).toMatchObject({
      code: 'invalid_options',
      message:
        "cost(): store is undefined: give the pipeline's store: a budget is per owner; " +
        'budgets.0.key is a function: leave it out: a budget per owner always has the key of the turn.',
    });
  });
});
