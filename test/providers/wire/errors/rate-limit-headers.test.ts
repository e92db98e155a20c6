import { expect, test } from 'vitest';
import { Pipeline, isSluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { anthropicError, chatStream, faultServer, messagesStream } from 'sluice/testing';
import { rateLimitsOf } from '../../../../providers/wire/errors/rate-limit-headers.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const limitsOf = (headers: Record<string, string>) => rateLimitsOf(new Headers(headers), NOW);

test("reads OpenAI's headers, with resets as durations", () => {
  expect(
    limitsOf({
      'x-ratelimit-limit-requests': '500',
      'x-ratelimit-remaining-requests': '499',
      'x-ratelimit-reset-requests': '120ms',
      'x-ratelimit-limit-tokens': '200000',
      'x-ratelimit-remaining-tokens': '150000',
      'x-ratelimit-reset-tokens': '1h6m0.5s',
    }),
  ).toEqual({
    atMs: NOW,
    limitRequests: 500,
    remainingRequests: 499,
    resetRequestsMs: 120,
    limitTokens: 200_000,
    remainingTokens: 150_000,
    resetTokensMs: 3_960_500,
  });
});

test("reads Anthropic's headers, with resets as dates", () => {
  expect(
    limitsOf({
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:12Z',
      'anthropic-ratelimit-input-tokens-limit': '40000',
      'anthropic-ratelimit-input-tokens-remaining': '39000',
      'anthropic-ratelimit-input-tokens-reset': '2025-12-31T23:59:59Z',
    }),
  ).toEqual({
    atMs: NOW,
    limitRequests: 50,
    remainingRequests: 0,
    resetRequestsMs: 12_000,
    limitTokens: 40_000,
    remainingTokens: 39_000,
    resetTokensMs: 0,
  });
});

test.each([
  ['a limit of -1', { 'x-ratelimit-limit-tokens': '-1', 'x-ratelimit-remaining-tokens': '-1' }],
  ['a limit of 0', { 'x-ratelimit-limit-tokens': '0', 'x-ratelimit-remaining-tokens': '0' }],
  ['0 remaining of no limit', { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1s' }],
  ['no number', { 'x-ratelimit-limit-requests': 'many', 'x-ratelimit-remaining-requests': '0x10' }],
  ['no such headers', { 'content-type': 'text/event-stream' }],
])('does not take %s for a limit', (_name, headers) => {
  expect(limitsOf(headers)).toBeUndefined();
});

test.each(['soon', '1735689600', '-1s', '1s'.repeat(30)])('does not take %s for a reset', (reset) => {
  expect(
    limitsOf({
      'x-ratelimit-limit-requests': '5',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': reset,
    }),
  ).toEqual({ atMs: NOW, limitRequests: 5, remainingRequests: 0 });
});

test('a call has the limits before its first chunk, and those of an error response at its end', async () => {
  await using server = await faultServer();
  const seen: [string, number | undefined][] = [];
  const watch: Middleware = function watch(_context, next) {
    return next().tap({
      call: (call) => ({
        rateLimits: (limits) => {
          seen.push(['limits', limits.remainingRequests]);
          throw new TypeError('An observer changes nothing.');
        },
        chunk: () => seen.push(['chunk', call.rateLimits?.remainingRequests]),
        end: () => seen.push(['end', call.rateLimits?.remainingRequests]),
      }),
    });
  };
  const headers = (remaining: string) => ({
    'anthropic-ratelimit-requests-limit': '50',
    'anthropic-ratelimit-requests-remaining': remaining,
    'anthropic-ratelimit-requests-reset': new Date(Date.now() + 5_000).toISOString(),
  });
  server.enqueue(
    { stream: messagesStream({ text: ['Hello'] }), headers: headers('7') },
    anthropicError(429, { headers: headers('0') }),
    {
      stream: chatStream({ text: ['Hello'] }),
      headers: { 'x-ratelimit-limit-requests': '9', 'x-ratelimit-remaining-requests': '8' },
    },
  );
  const claude = new Pipeline([
    watch,
    provider(anthropic({ apiKey: 'k', baseURL: server.anthropicBaseURL })),
  ]);
  const { warnings } = await claude.execute('user', 'Hi');
  expect(warnings).toEqual(['"watch" threw TypeError in the rateLimits() of its tap on call 1.']);
  const error = await claude.execute('user', 'Hi').catch((thrown: unknown) => thrown);
  expect(isSluiceError(error) && error.code).toBe('rate_limited');
  await new Pipeline([watch, provider(openai({ apiKey: 'k', baseURL: server.openaiBaseURL }))]).execute(
    'user',
    'Hi',
  );
  expect(seen).toEqual([
    ['limits', 7],
    ['chunk', 7],
    ['end', 7],
    ['limits', 0],
    ['end', 0],
    ['limits', 8],
    ['chunk', 8],
    ['end', 8],
  ]);
});
