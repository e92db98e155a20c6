import * as fc from 'fast-check';
import { SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import type { Budget } from 'sluice/middleware/cost';
import { retry } from 'sluice/middleware/retry';
import { manualGate } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { MILLION, ask, codeOf, stage } from './cost-stage.ts';

describe('before a call', () => {
  test('a used-up budget refuses it with an error that is not retried, and nothing is sent', async () => {
    const { pipeline, model } = stage([{ usd: 1, per: 'day' }], MILLION, {}, [
      retry({ backoff: constant(0) }),
    ]);
    await ask(pipeline);
    const error = await ask(pipeline).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'budget',
      retryable: false,
      message: 'The budget of $1 per day is used up.',
    });
    expect(model.calls).toHaveLength(1);
  });

  test('a refused call has no usage, costs nothing and leaves the budget as it was', async () => {
    const ends: unknown[] = [];
    const watch: Middleware = function watch(context, next) {
      context.onEnd(({ usage: used, cost: sum }) => void ends.push({ tokens: used.totalTokens, sum }));
      return next();
    };
    const { pipeline, sums } = stage([{ usd: 1, per: 'day' }], MILLION, {}, [watch]);
    await ask(pipeline);
    await codeOf(ask(pipeline));
    expect(ends[1]).toEqual({ tokens: 0, sum: { status: 'exact', totalUsd: 0 } });
    expect([...sums.values()]).toEqual([1]);
  });

  test('each key has its own budget', async () => {
    const byTenant: Budget = {
      usd: 1,
      per: 'day',
      key: ({ request }) => String(request.metadata?.['tenant']),
    };
    const { pipeline } = stage([byTenant], MILLION);
    expect(await codeOf(ask(pipeline, { tenant: 'a' }))).toBe('completed');
    expect(await codeOf(ask(pipeline, { tenant: 'a' }))).toBe('budget');
    expect(await codeOf(ask(pipeline, { tenant: 'b' }))).toBe('completed');
  });

  test('R39 a call that one budget refuses leaves the others as they were', async () => {
    const budgets: Budget[] = [
      { usd: 9, per: 'month' },
      { usd: 1, per: 'day' },
    ];
    const { pipeline, sums } = stage(budgets, MILLION);
    await ask(pipeline);
    expect(await codeOf(ask(pipeline))).toBe('budget');
    expect([...sums.values()]).toEqual([1, 1]);
  });

  test('similar keys and names have different counters', async () => {
    const key: Budget['key'] = ({ request }) => String(request.metadata?.['tenant']);
    const { sums, pipeline } = stage([{ usd: 9, per: 'day', name: 'x', key }], MILLION);
    await ask(pipeline, { tenant: 'a","2026-01-01' });
    await ask(pipeline, { tenant: 'a' });
    expect(sums.size).toBe(2);
  });

  test('the names of counters stay what they were, because ledgers outlive a release', async () => {
    const key: Budget['key'] = () => 'acme';
    const budgets: Budget[] = [
      { usd: 9, per: 'day', key },
      { usd: 9, per: 'month', key, name: 'team' },
      { usd: 9, per: 'day' },
    ];
    const { sums, pipeline } = stage(budgets, MILLION, { now: () => Date.parse('2026-01-31T12:00:00Z') });
    await ask(pipeline);
    expect([...sums.keys()]).toEqual([
      '["day","","acme","2026-01-31"]',
      '["month","team","acme","2026-01"]',
      '["day","","","2026-01-31"]',
    ]);
  });

  test('a day ends at midnight UTC, a month with its last day', async () => {
    let now = Date.parse('2026-01-31T23:59:59.999Z');
    const daily = stage([{ usd: 1, per: 'day' }], MILLION, { now: () => now });
    const monthly = stage([{ usd: 1, per: 'month' }], MILLION, { now: () => now });
    await Promise.all([ask(daily.pipeline), ask(monthly.pipeline)]);
    expect(await codeOf(ask(daily.pipeline))).toBe('budget');
    now += 1;
    expect(await codeOf(ask(daily.pipeline))).toBe('completed');
    expect(await codeOf(ask(monthly.pipeline))).toBe('completed');
    now = Date.parse('2026-02-28T12:00:00Z');
    expect(await codeOf(ask(daily.pipeline))).toBe('completed');
    expect(await codeOf(ask(monthly.pipeline))).toBe('budget');
  });

  test('a model without a known price is refused, unless that is allowed', async () => {
    const prices = { other: { input: 1, output: 1 } };
    const { pipeline, model } = stage([{ usd: 1, per: 'day' }], MILLION, { prices });
    const error = await ask(pipeline).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'budget', retryable: false });
    expect((error as Error).message).toContain('No price is known for "scripted/scripted"');
    expect(model.calls).toHaveLength(0);
    const lenient = stage([{ usd: 1, per: 'day' }], MILLION, { prices, unknownPrice: 'allow' });
    expect(await codeOf(ask(lenient.pipeline))).toBe('completed');
  });

  test('a free model may be called with a budget of 0', async () => {
    const { pipeline } = stage([{ usd: 0, per: 'execution' }], MILLION, {
      prices: { scripted: { input: 0, output: 0 } },
    });
    expect(await codeOf(ask(pipeline))).toBe('completed');
  });
});

describe('during a stream', () => {
  const words = Array.from({ length: 100 }, (_, index) => `${String(index).padStart(3, '0')} `);

  test('the execution is interrupted when its call uses up the budget, and keeps what was received', async () => {
    // 25 tokens, 100 characters.
    const { pipeline } = stage([{ usd: 25e-6, per: 'execution', name: 'small' }], {
      text: words,
      usage: false,
    });
    const result = await ask(pipeline);
    expect(result.outcome).toBe('interrupted');
    expect(result.reason).toBe('The budget "small" of $0.000025 per execution is used up.');
    expect(result.response.content).toHaveLength(100);
    expect(result.cost).toMatchObject({ status: 'estimated', totalUsd: 25e-6 });
  });

  test('R39 streams that run at once do not pass the limit of a day together', async () => {
    const gate = manualGate();
    // Room for 400 characters in all; each stream would take 400.
    const { pipeline, sums } = stage(
      [{ usd: 100e-6, per: 'day' }],
      { text: words, gate: gate.gate, usage: false },
      { reserveOutputTokens: 25 },
    );
    const running = Promise.all(
      Array.from({ length: 6 }, () => ask(pipeline).catch((error: unknown) => error)),
    );
    gate.open();
    const ends = await running;
    const codes = ends.map((end) => (end instanceof SluiceError ? end.code : 'ran'));
    expect(codes.toSorted()).toEqual(['budget', 'budget', 'ran', 'ran', 'ran', 'ran']);
    const [sum = 0] = sums.values();
    expect(sum).toBeLessThanOrEqual(104e-6);
    expect(sum).toBeGreaterThan(90e-6);
  });

  test('a new call does not take away what a running one holds', async () => {
    const gate = manualGate();
    const { pipeline } = stage(
      [{ usd: 100e-6, per: 'day' }],
      { text: words.slice(0, 59), gate: gate.gate, usage: false },
      { reserveOutputTokens: 60 },
    );
    const first = ask(pipeline);
    const second = codeOf(ask(pipeline).then(({ outcome }) => expect(outcome).toBe('interrupted')));
    gate.open();
    expect((await first).outcome).toBe('completed');
    expect(await second).toBe('completed');
  });
});

describe('R39 reservations', () => {
  test('of calls that run at once count against each other before anything is known', async () => {
    const gate = manualGate();
    // Each reserves 1,000 tokens and uses 10.
    const answer = { text: 'Hello', usage: { inputTokens: 0, outputTokens: 10 }, gate: gate.gate };
    const { pipeline, sums } = stage([{ usd: 0.003, per: 'day' }], answer);
    const running = Array.from({ length: 10 }, () => codeOf(ask(pipeline)));
    gate.open();
    const codes = await Promise.all(running);
    expect(codes.filter((code) => code === 'completed')).toHaveLength(3);
    expect(codes.filter((code) => code === 'budget')).toHaveLength(7);
    expect([...sums.values()]).toEqual([30e-6]);
    expect(await codeOf(ask(pipeline))).toBe('completed');
  });

  test.each([
    ['completed', { text: 'Hello', usage: { inputTokens: 0, outputTokens: 10 } }, 10],
    [
      'refused',
      { error: new SluiceError('rate_limited', 'Later.', { status: 429 }), after: 0, usage: false },
      0,
    ],
    [
      'failed half-way',
      { text: ['x'.repeat(40), 'y'], error: new SluiceError('truncated', 'Cut.'), after: 1, usage: false },
      10,
    ],
  ] as const)('become what was used when the call has %s', async (_how, answer, outputTokens) => {
    const { pipeline, sums } = stage([{ usd: 1, per: 'month' }], answer);
    await codeOf(ask(pipeline));
    expect([...sums.values()]).toEqual([outputTokens / 1e6]);
  });

  test('become what was used when the stream is closed', async () => {
    const gate = manualGate();
    const { pipeline, sums } = stage([{ usd: 1, per: 'month' }], {
      text: ['x'.repeat(40), 'y'],
      gate: gate.gate,
      usage: false,
    });
    const stream = pipeline.executeStream('user', 'Hi');
    gate.release(1);
    await stream.next();
    expect([...sums.values()]).toEqual([0.001]);
    await stream.close();
    expect([...sums.values()]).toEqual([10e-6]);
  });

  test('of a stream that is never pulled are not made', async () => {
    const { pipeline, sums } = stage([{ usd: 1, per: 'month' }], MILLION);
    const stream = pipeline.executeStream('user', 'Hi');
    await stream.close();
    expect(sums.size).toBe(0);
  });

  test('R38 what the model has issued is what the ledger has recorded, whenever streams are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            tokens: fc.integer({ min: 1, max: 5_000 }),
            cutAfter: fc.option(fc.nat(3)),
            fails: fc.boolean(),
          }),
          {
            minLength: 1,
            maxLength: 12,
          },
        ),
        async (calls) => {
          const answers = calls.map(({ tokens, fails }): ScriptedAnswer => {
            const text = ['aaaa', 'bbbb', 'cccc', 'dddd'];
            const error = new SluiceError('truncated', 'Cut.');
            return {
              text,
              batchSize: 1,
              usage: { inputTokens: 7, outputTokens: tokens },
              ...(fails && { error, after: 2 }),
            };
          });
          const prices = { 'scripted/*': { input: 3, output: 1 } };
          const issued: number[] = [];
          const { pipeline, sums } = stage([{ usd: 1_000, per: 'day' }], answers, {
            prices,
            onCost: ({ usage: used, cost: sum }) => {
              expect(sum.status).toBe(used.estimated === true ? 'estimated' : 'exact');
              issued.push(used.inputTokens * 3 + used.outputTokens);
            },
          });
          await Promise.all(
            calls.map(async ({ cutAfter }) => {
              const stream = pipeline.executeStream('user', 'Hi');
              try {
                for (let read = 0; cutAfter === null || read < cutAfter; read++)
                  if ((await stream.next()).done === true) break;
              } catch {
                // A failure of the script.
              }
              await stream.close();
            }),
          );
          const [recorded = 0] = sums.values();
          expect(Math.round(recorded * 1e6)).toBe(issued.reduce((sum, one) => sum + one, 0));
        },
      ),
      { numRuns: 60 },
    );
  });
});
