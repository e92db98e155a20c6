import { Pipeline, SluiceError, silent } from 'sluice';
import type { Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { logging, provider, retry, timeout } from 'sluice/middleware';
import { contextWindow } from 'sluice/middleware/context-window';
import { cost } from 'sluice/middleware/cost';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { mockTool, tools } from 'sluice/middleware/tools';
import { middlewareContract, scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { calling, playOn, resultsIn } from './stage.ts';

middlewareContract({
  describe,
  test,
  timeoutMs: 60_000,
  name: 'tools()',
  make: () => tools([mockTool('work')]),
  changes: ['request', 'tools'],
});

/** A dollar for a million tokens of output; input is free. */
const PRICES = { 'scripted/*': { input: 0, output: 1 } };
const usage = { inputTokens: 10, outputTokens: 1_000_000 };

/** Two rounds of calls and an answer; the second round needs a second attempt. */
const answers = (): ScriptedAnswer[] => [
  { toolCalls: [{ name: 'work' }], usage },
  { error: new SluiceError('overloaded', 'Busy.') },
  { toolCalls: [{ name: 'work' }, { name: 'work' }], usage },
  { text: 'Done.', usage },
];

const made: Record<string, () => Middleware> = {
  cost: () => cost({ prices: PRICES }),
  limits: () => rateLimit({ requestsPerMinute: 100, maxConcurrentRequests: 1 }),
  logging: () => logging({ logger: silent }),
  timeout: () => timeout({ firstChunkMs: 10_000, idleMs: 10_000 }),
  window: () => contextWindow({ maxTokens: 10_000, strategy: 'fail', counter: 'heuristic' }),
};

const names = Object.keys(made);
const places = names.flatMap((name) => [
  [name, 'above'],
  [name, 'below'],
]);

describe.each(places)('%s %s the loop', (name, where) => {
  test('sees every round: each call once, and the cost of all', async () => {
    const work = mockTool('work', { answers: ['one', 'two', 'three'] });
    const model = scripted(answers());
    const one = made[name]?.();
    if (one === undefined) throw new Error('no such layer');
    const others = names.filter((other) => other !== name).map((other) => made[other]?.() ?? []);
    const loop = tools([work]);
    const stack = [
      ...(where === 'above' ? [one, loop] : [loop, one]),
      ...others.flat(),
      retry({ backoff: constant(0) }),
    ];
    const { result, sent } = await playOn(new Pipeline([...stack, provider(model)]), model);
    expect(result?.response.content).toBe('Done.');
    expect([model.calls.length, work.calls.length]).toEqual([4, 3]);
    expect(result?.usage.outputTokens).toBe(3_000_000);
    expect(result?.cost).toMatchObject({ totalUsd: 3 });
    expect(resultsIn(sent[3])).toEqual(['ok 0_0 one', 'ok 1_0 two', 'ok 1_1 three']);
    expect(result?.trace.filter(({ kind }) => kind === 'call')).toHaveLength(4);
    expect(result?.trace.filter(({ kind }) => kind === 'tool')).toHaveLength(3);
  });
});

test('a budget below the loop stops it between rounds, and no tool runs after that', async () => {
  const work = mockTool('work');
  const model = scripted([
    { toolCalls: [{ name: 'work' }], usage },
    { toolCalls: [{ name: 'work' }], usage },
    'Done.',
  ]);
  const budgets = cost({ prices: PRICES, budgets: [{ usd: 1.5, per: 'execution' }] });
  const { error } = await playOn(new Pipeline([tools([work]), budgets, provider(model)]), model);
  expect(error?.code).toBe('budget');
  expect(work.calls.length).toBe(model.calls.length);
});

test('a context window below the loop never cuts between a call and its result', async () => {
  const work = mockTool('work', { answers: ['word '.repeat(400)] });
  const model = scripted([...Array.from({ length: 4 }, () => calling(['work', {}])), 'Done.']);
  const window = contextWindow({ maxTokens: 1_500, strategy: 'drop-oldest', counter: 'heuristic' });
  const { result } = await playOn(new Pipeline([tools([work]), window, provider(model)]), model);
  expect(result?.response.content).toBe('Done.');
  for (const { messages } of model.requests) {
    messages.forEach((message, at) => {
      const calls =
        typeof message.content === 'string' ? [] : message.content.filter(({ type }) => type === 'tool_call');
      if (calls.length > 0) expect(messages[at + 1]?.role).toBe('tool');
      if (message.role === 'tool') expect(messages[at - 1]?.role).toBe('assistant');
    });
  }
});
