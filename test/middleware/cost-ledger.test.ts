import { describe, expect, test } from 'vitest';
import { MemoryLedger } from 'sluice/middleware/cost';
import type { Budget, Ledger } from 'sluice/middleware/cost';
import { manualGate } from 'sluice/testing';
import { MILLION, ask, codeOf, remote, stage } from './cost-stage.ts';

describe('the ledger', () => {
  test('drops expired counters and those at 0', () => {
    let now = 0;
    const ledger = new MemoryLedger(() => now);
    ledger.add('taken back', 0.3, 1_000);
    expect(ledger.add('taken back', -0.3, 1_000)).toBe(0);
    expect(ledger.size).toBe(0);
    for (let index = 0; index < 998; index++) ledger.add(`old ${index}`, 1, 10);
    ledger.add('kept', 0.1, 1_000);
    now = 20;
    ledger.add('new', 1, 1_000);
    expect(ledger.size).toBe(2);
    expect(ledger.add('kept', 0.2, 1_000)).toBe(0.3);
  });

  test('R39 may be asynchronous: a call waits for its reservation, and is not made if it does not fit', async () => {
    const sums = new Map<string, number>();
    const gate = manualGate();
    const answer = { text: 'Hello', usage: { inputTokens: 0, outputTokens: 1_000 }, gate: gate.gate };
    const { pipeline, model } = stage([{ usd: 0.003, per: 'day' }], answer, { ledger: remote(sums) });
    const running = Array.from({ length: 10 }, () => codeOf(ask(pipeline)));
    await model.nextCall();
    gate.open();
    const codes = await Promise.all(running);
    expect(codes.filter((code) => code === 'completed')).toHaveLength(3);
    expect(codes.filter((code) => code === 'budget')).toHaveLength(7);
    expect(model.calls).toHaveLength(3);
    expect([...sums.values()]).toEqual([0.003]);
  });

  test('R39 if one budget refuses a call, the others get their reservations back, asynchronous or not', async () => {
    const sums = new Map<string, number>();
    const [month, execution, day, none]: Budget[] = [
      { usd: 9, per: 'month' },
      { usd: 0, per: 'execution' },
      { usd: 9, per: 'day' },
      { usd: 0, per: 'day', name: 'none' },
    ];
    if (month === undefined || execution === undefined || day === undefined || none === undefined) return;
    for (const budgets of [
      [month, execution, day],
      [execution, month, day],
      [month, none, day],
    ]) {
      const { pipeline, model } = stage(budgets, MILLION, { ledger: remote(sums) });
      expect(await codeOf(ask(pipeline))).toBe('budget');
      expect(model.calls).toHaveLength(0);
    }
    expect([...sums.values()].filter((sum) => sum !== 0)).toEqual([]);
  });

  test('R39 a stream that uses up a budget of an asynchronous ledger is interrupted', async () => {
    const sums = new Map<string, number>();
    const text = Array.from({ length: 1_000 }, (_, index) => `${String(index).padStart(3, '0')} `);
    const { pipeline } = stage(
      [{ usd: 500e-6, per: 'day' }],
      { text, usage: false, batchSize: 1 },
      { ledger: remote(sums), reserveOutputTokens: 25 },
    );
    const result = await ask(pipeline);
    expect(result.outcome).toBe('interrupted');
    expect(result.reason).toBe('The budget of $0.0005 per day is used up.');
    const [sum = 0] = sums.values();
    expect(sum).toBe(result.cost.totalUsd);
    // It goes on while it asks.
    expect(sum).toBeGreaterThan(490e-6);
    expect(sum).toBeLessThan(600e-6);
  });

  test('R39 a call that is closed while it waits gives back what it is granted later', async () => {
    const sums = new Map<string, number>();
    const answer = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const inner = remote(sums);
    const slow: Ledger = {
      async add(...step) {
        const sum = await inner.add(...step);
        asked.resolve();
        await answer.promise;
        return sum;
      },
    };
    const { pipeline, model } = stage([{ usd: 0.0004, per: 'day' }], MILLION, { ledger: slow });
    const stream = pipeline.executeStream('user', 'Hi');
    const first = stream.next();
    await asked.promise;
    await stream.close();
    expect(await first).toMatchObject({ done: true });
    answer.resolve();
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
    expect([model.calls.length, [...sums.values()]]).toEqual([0, [0]]);
  });

  test('R39 a reservation is not given back if the ledger fails, because nobody knows whether it was counted', async () => {
    const steps: number[] = [];
    const broken: Ledger = {
      add(_counter, usd) {
        steps.push(usd);
        return Promise.reject(new Error('gone'));
      },
    };
    const { pipeline } = stage([{ usd: 1, per: 'day' }], MILLION, { ledger: broken });
    expect(await codeOf(ask(pipeline))).toBe('store');
    expect(steps).toEqual([0.001]);
  });

  test('that fails is an error of code store before anything is sent', async () => {
    const broken: Ledger = { add: () => Promise.reject(new Error('gone')) };
    const { pipeline, model } = stage([{ usd: 1, per: 'day' }], MILLION, { ledger: broken });
    expect(await codeOf(ask(pipeline))).toBe('store');
    expect(model.calls).toHaveLength(0);
  });
});
