import { Pipeline, silent } from 'sluice';
import type { Cost, Middleware } from 'sluice';
import { constant } from 'sluice/kit';
import { logging, provider, retry, timeout } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import {
  anthropicError,
  chatErrorLine,
  chatStream,
  faultServer,
  messagesErrorLine,
  messagesStream,
  openaiError,
} from 'sluice/testing';
import { expect, test } from 'vitest';

/** The five, made anew for each stack. */
const FIVE: Record<string, (costs: Cost[]) => Middleware> = {
  logging: () => logging({ logger: silent }),
  retry: () => retry({ maxRetries: 3, backoff: constant(0), budget: false }),
  rateLimit: () => rateLimit({ requestsPerMinute: 100, tokensPerMinute: 100_000, maxConcurrentRequests: 1 }),
  cost: (costs) => cost({ budgets: [{ usd: 1, per: 'day' }], onCost: (event) => costs.push(event.cost) }),
  timeout: () => timeout({ firstChunkMs: 10_000, idleMs: 10_000, totalMs: 10_000 }),
};

function permutations(names: readonly string[]): string[][] {
  if (names.length === 0) return [[]];
  return names.flatMap((name) =>
    permutations(names.filter((other) => other !== name)).map((rest) => [name, ...rest]),
  );
}

const TEXT = ['One ', 'sentence, ', 'and ', 'each ', 'word ', 'once.'];
const USAGE = { inputTokens: 1_000, outputTokens: 500, cachedInputTokens: 400 };

test.each(['openai', 'anthropic'])(
  'R17 R21 %s: every permutation of the five gives the same sum of costs, and no text twice',
  async (wire) => {
    await using server = await faultServer();
    const isOpenai = wire === 'openai';
    const model = isOpenai
      ? openai({ name: 'openai', apiKey: 'k', baseURL: server.openaiBaseURL, model: 'gpt-5-mini' })
      : anthropic({
          name: 'anthropic',
          apiKey: 'k',
          baseURL: server.anthropicBaseURL,
          model: 'claude-sonnet-4-5',
        });
    const seen = new Map<string, string[]>();
    for (const order of permutations(Object.keys(FIVE))) {
      // Refused; overloaded after the 200 and before any content; then the answer.
      server.enqueue(
        isOpenai ? openaiError(429) : anthropicError(429),
        isOpenai
          ? {
              stream: chatStream({ text: TEXT }),
              fault: { kind: 'error', at: { event: 1 }, lines: [chatErrorLine({ status: 503 })] },
            }
          : {
              stream: messagesStream({ text: TEXT }),
              fault: { kind: 'error', at: { event: 0 }, lines: [messagesErrorLine()] },
            },
        {
          stream: isOpenai
            ? chatStream({ text: TEXT, usage: USAGE, model: 'gpt-5-mini' })
            : messagesStream({ text: TEXT, usage: USAGE, model: 'claude-sonnet-4-5' }),
        },
      );
      const costs: Cost[] = [];
      const stack = order.map((name) => FIVE[name]?.(costs)).filter((one) => one !== undefined);
      const stream = new Pipeline([...stack, provider(model)]).executeStream('user', 'Hi');
      let text = '';
      for await (const chunk of stream) if (chunk.type === 'content') text += chunk.content;
      const result = await stream.result;
      const outcome = JSON.stringify({
        text,
        content: result.response.content,
        cost: result.cost,
        costs,
        usage: result.usage,
      });
      seen.set(outcome, [...(seen.get(outcome) ?? []), order.join(' > ')]);
    }
    expect([...seen.values()].map((orders) => orders.length)).toEqual([120]);
    const [outcome = '{}'] = seen.keys();
    const told: unknown = JSON.parse(outcome);
    expect(told).toMatchObject({ text: TEXT.join(''), content: TEXT.join('') });
    server.assertDrained();
    expect(server.requests).toHaveLength(360);
    expect(told).toHaveProperty('costs.length', 3);
    const total = isOpenai
      ? (600 * 0.25 + 400 * 0.025 + 500 * 2) / 1e6
      : (600 * 3 + 400 * 0.3 + 500 * 15) / 1e6;
    expect(told).toHaveProperty('costs.2.totalUsd', expect.closeTo(total, 12));
  },
);
