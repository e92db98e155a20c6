import { describe, expect, test } from 'vitest';
import { TakeoverBudget } from '../../../server/resumable/takeover-budget.ts';
import { Model } from '../../core/harness.ts';
import { GRACE_MS, LEASE_MS, STORED_MS, Stage, reading, streamIn, tick, virtualTime } from './stage.ts';

virtualTime();

describe('a process that dies', () => {
  test('again and again, with many turns: a second takeover of a turn needs what is left of the budget', async () => {
    const stage = new Stage();
    const dying = (): ReturnType<Stage['process']> => stage.process(new Model().give().middleware);
    const [one, two] = [dying(), dying()];
    const last = stage.process(new Model().give().middleware);
    const ids = Array.from({ length: 8 }, (_, at) => `t${at}`);
    for (const id of ids) void reading(one.runs.stream({ owner: 'ada', id }, 'hi', { turnId: id }));
    await tick();
    for (const id of ids) void reading(await streamIn(two.runs.read({ owner: 'ada', id })));
    await tick();
    one.log.halt();
    await tick(LEASE_MS + GRACE_MS + 5);
    await tick(20);
    // The first takeover only replaces what the dead process did.
    expect(two.runs.size).toBe(8);
    const readers = [];
    for (const id of ids) readers.push(reading(await streamIn(last.runs.read({ owner: 'ada', id }))));
    await tick();
    two.log.halt();
    await tick(LEASE_MS + GRACE_MS + 5);
    await tick(STORED_MS);
    expect(last.runs.size).toBe(5);
    expect(readers.filter(({ end }) => end?.error?.code === 'lease_lost')).toHaveLength(3);
    for (const { log } of [one, two]) log.goOn();
    await last.runs.close({ signal: AbortSignal.abort() });
    await tick();
  });
});

describe('the budget of takeovers', () => {
  const many = (budget: TakeoverBudget): number => {
    for (let count = 0; ; count++) if (!budget.take()) return count;
  };

  test('is a tenth of what completes, at most 15 at once, and 5 again after a minute', async () => {
    const budget = new TakeoverBudget();
    expect([many(budget), many(budget)]).toEqual([5, 0]);
    for (let run = 0; run < 25; run++) budget.succeeded();
    expect(many(budget)).toBe(2);
    for (let run = 0; run < 1_000; run++) budget.succeeded();
    expect(many(budget)).toBe(15);
    await tick(59_000);
    expect(many(budget)).toBe(0);
    await tick(1_000);
    expect(many(budget)).toBe(5);
    budget.giveBack();
    expect(many(budget)).toBe(1);
  });
});
