import { MemoryStore, Pipeline, isSluiceError } from 'sluice';
import type { LoggerLike, Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { contextWindow } from 'sluice/middleware/context-window';
import { cost } from 'sluice/middleware/cost';
import { logging } from 'sluice/middleware/logging';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { retry } from 'sluice/middleware/retry';
import { timeout } from 'sluice/middleware/timeout';
import { tool, tools } from 'sluice/middleware/tools';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { at } from '../../../support/json.ts';
import { call, weatherTool, wireStage, wires } from './stage.ts';
import type { MadeReply, ToolWire } from './stage.ts';

/** A dollar for a million tokens of input, ten for output. */
const prices = { 'openai/*': { input: 1, output: 10 }, 'anthropic/*': { input: 1, output: 10 } };

/** Two rounds of calls and an answer. Each has a usage of its own. */
const replies: MadeReply[] = [
  { thinking: 'Hm.', toolCalls: [call('Rome')], usage: { inputTokens: 100_000, outputTokens: 1_000 } },
  { toolCalls: [call('Oslo'), call('Bern')], usage: { inputTokens: 200_000, outputTokens: 20_000 } },
  { text: 'Sunny.', usage: { inputTokens: 400_000, outputTokens: 300 } },
];
const ISSUED = { inputTokens: 700_000, outputTokens: 21_300, totalTokens: 721_300 };
const COST = 0.7 + 0.213;

const layers: Record<string, (lines: string[]) => Middleware> = {
  cost: () => cost({ prices }),
  retry: () => retry({ backoff: constant(0), afterContent: 'reset' }),
  limits: () => rateLimit({ requestsPerMinute: 100, maxConcurrentRequests: 1 }),
  logging: (lines) => logging({ logger: keeping(lines) }),
  timeout: () => timeout({ firstChunkMs: 60_000, idleMs: 60_000 }),
  window: () => contextWindow({ maxTokens: 100_000, strategy: 'fail', counter: 'heuristic' }),
};

function keeping(lines: string[]): LoggerLike {
  const keep = (message: unknown): void => void lines.push(String(message));
  return { debug: keep, info: keep, warn: keep, error: keep };
}

const names = Object.keys(layers);
const cases = wires.flatMap((wire) =>
  names.flatMap((name) => ['above', 'below'].map((where) => [wire.name, name, where, wire] as const)),
);

describe.each(cases)('over %s: %s %s the loop', (_wire, name, where, wire) => {
  test('sees each round: sums match what the server issued, and no tool runs twice', async () => {
    await using stage = await wireStage(wire);
    const { weather, runs } = weatherTool();
    const lines: string[] = [];
    const one = layers[name]?.(lines);
    if (one === undefined) throw new Error('no such layer');
    // Whoever retries, the failed call costs nothing and is a call like the others.
    stage.enqueue(...replies.slice(0, 1), wire.error(503), ...replies.slice(1));
    const rest = names.filter((other) => other !== name).map((other) => layers[other]?.(lines) ?? []);
    const loop = tools([weather]);
    const stack = where === 'above' ? [one, loop] : [loop, one];
    const pipeline = new Pipeline([...stack, ...rest.flat(), stage.model]);
    const result = await pipeline.execute('user', 'Weather?');
    expect(result.response.content).toBe('Sunny.');
    expect(runs).toEqual(['Rome', 'Oslo', 'Bern']);
    expect(result.usage).toMatchObject(ISSUED);
    expect(result.cost).toMatchObject({ status: 'exact' });
    expect(result.cost.totalUsd).toBeCloseTo(COST, 10);
    const calls = result.trace.filter(({ kind }) => kind === 'call');
    expect(calls.map(({ usage }) => usage?.totalTokens ?? 0)).toEqual([101_000, 0, 220_000, 400_300]);
    expect(lines.filter((line) => line === 'attempt started')).toHaveLength(4);
    expect(wire.results(stage.body(3)).map(({ text }) => text)).toEqual([
      ...['sunny in Rome', 'sunny in Oslo', 'sunny in Bern'],
    ]);
  });
});

describe.each(wires)('limits over $name', (wire: ToolWire) => {
  test('below the loop hold each round back', async () => {
    await using stage = await wireStage(wire);
    const { weather, runs } = weatherTool();
    const limit = rateLimit({ requestsPerMinute: 2, maxWaitMs: 0 });
    stage.enqueue(...replies.slice(0, 2));
    const pipeline = new Pipeline([tools([weather]), limit, stage.model]);
    await expect(pipeline.execute('user', 'Weather?')).rejects.toMatchObject({ code: 'rate_limited' });
    expect([stage.server.requests.length, runs]).toEqual([2, ['Rome', 'Oslo', 'Bern']]);
  });

  test('above the loop count each round, and hold back the next execution', async () => {
    await using stage = await wireStage(wire);
    const { weather } = weatherTool();
    const limit = rateLimit({ requestsPerMinute: 3, maxWaitMs: 0 });
    stage.enqueue(...replies);
    const pipeline = new Pipeline([limit, tools([weather]), stage.model]);
    await pipeline.execute('user', 'Weather?');
    await expect(pipeline.execute('user', 'Again?')).rejects.toMatchObject({ code: 'rate_limited' });
  });

  test.each(['above', 'below'])(
    'of money stop between two rounds %s the loop, and say what was spent',
    async (where) => {
      await using stage = await wireStage(wire);
      const { weather } = weatherTool();
      const budget = cost({ prices, budgets: [{ usd: 0.45, per: 'execution' }] });
      const loop = tools([weather]);
      stage.enqueue(...replies.slice(0, 2));
      const pipeline = new Pipeline([...(where === 'above' ? [budget, loop] : [loop, budget]), stage.model]);
      const ended = await pipeline.execute('user', 'Weather?').catch((error: unknown) => error);
      // A wire that tells its usage early stops within the second round.
      const spent = isSluiceError(ended) ? ended.partial : ended;
      expect(spent).toMatchObject({ usage: { totalTokens: 321_000 } });
      expect(isSluiceError(ended) ? ended.code : at(ended, 'reason')).toMatch(/budget/);
    },
  );
});

describe.each(wires)('money over $name', (wire: ToolWire) => {
  test('of a turn that goes on counts each call once: in the turn, in the session, and in the run that made it', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { weather } = weatherTool();
    const process = () => new Pipeline([cost({ prices }), tools([weather]), stage.model], { store });
    stage.enqueue(...replies.slice(0, 2), wire.error(400), ...replies.slice(2));
    const options = { turnId: 't' };
    await expect(process().executeWithContext('s', 'user', 'Weather?', options)).rejects.toMatchObject({
      partial: { usage: { totalTokens: 321_000 } },
    });
    const result = await process().executeWithContext('s', 'user', 'Weather?', options);
    expect(result.usage.totalTokens).toBe(400_300);
    expect(result.turn?.usage).toMatchObject(ISSUED);
    const { usage, cost: spent } = await store.spend({ owner: '', id: 's' });
    expect(usage).toMatchObject(ISSUED);
    for (const sum of [result.turn?.cost, spent]) {
      expect(sum?.status).toBe('exact');
      expect(sum?.totalUsd).toBeCloseTo(COST, 10);
    }
  });
});

describe.each(wires)('timeouts over $name', (wire: ToolWire) => {
  // Sockets live in real time, the clocks of the library do not.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
  afterEach(() => void vi.useRealTimers());

  test('below the loop do not count the time of tools, and each round has its own', async () => {
    await using stage = await wireStage(wire);
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<string>();
    const slow = tool({
      name: 'slow',
      description: 'Takes long',
      input: z.object({}),
      execute: () => {
        begun.resolve();
        return end.promise;
      },
    });
    const headers = Promise.withResolvers<unknown>();
    const stream = wire.stream({ text: 'never' }, 1);
    stage.enqueue({ toolCalls: [{ name: 'slow' }] }, { stream, delayHeaders: headers.promise });
    const limits = timeout({ firstChunkMs: 5_000, idleMs: 5_000 });
    const pipeline = new Pipeline([tools([slow]), limits, stage.model], {
      executionTimeoutMs: 0,
      idleTimeoutMs: 0,
    });
    const failed = pipeline.execute('user', 'Go').catch((error: unknown) => error);
    await begun.promise;
    await vi.advanceTimersByTimeAsync(60_000);
    await stage.server.nextRequest();
    end.resolve('slow');
    await stage.server.nextRequest();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await failed).toMatchObject({ code: 'timeout', phase: 'first_chunk' });
    headers.resolve(undefined);
  });
});
