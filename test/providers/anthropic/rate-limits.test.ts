import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { rateLimitsOf } from '../../../providers/anthropic/rate-limits.ts';
import { faultServer, type FaultServer } from '../../../testing/fault-server.ts';
import { anthropicError } from '../../../testing/provider-errors.ts';
import { HELLO, providerOf } from './calls.ts';
import { ask, fakeCall, readStream } from './support.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');

function read(headers: Record<string, string>) {
  return rateLimitsOf(new Headers(headers), NOW);
}

describe('the rate limits in the headers of Anthropic', () => {
  it('are read with the time until they are free again', () => {
    expect(
      read({
        'anthropic-ratelimit-requests-limit': '50',
        'anthropic-ratelimit-requests-remaining': '49',
        'anthropic-ratelimit-requests-reset': '2026-11-21T08:00:02Z',
        'anthropic-ratelimit-tokens-limit': '40000',
        'anthropic-ratelimit-tokens-remaining': '0',
        'anthropic-ratelimit-tokens-reset': '2026-11-21T07:59:00Z',
        'anthropic-ratelimit-input-tokens-limit': '30000',
        'anthropic-ratelimit-input-tokens-remaining': '30000',
      }),
    ).toEqual({
      atMs: NOW,
      limitRequests: 50,
      remainingRequests: 49,
      resetRequestsMs: 2000,
      limitTokens: 40_000,
      remainingTokens: 0,
      resetTokensMs: 0,
    });
  });

  it('are taken from the input tokens where there is nothing else', () => {
    expect(
      read({
        'anthropic-ratelimit-input-tokens-limit': '30000',
        'anthropic-ratelimit-input-tokens-remaining': '5',
        'anthropic-ratelimit-input-tokens-reset': 'soon',
      }),
    ).toEqual({ atMs: NOW, limitTokens: 30_000, remainingTokens: 5 });
  });

  it.each<Record<string, string>>([
    {},
    { 'anthropic-ratelimit-requests-limit': '0', 'anthropic-ratelimit-requests-remaining': '0' },
    { 'anthropic-ratelimit-requests-limit': '-1', 'anthropic-ratelimit-requests-remaining': '-1' },
    { 'anthropic-ratelimit-requests-limit': '50', 'anthropic-ratelimit-requests-remaining': 'many' },
  ])('are unknown where the headers are %j', (headers) => {
    expect(read(headers)).toBeUndefined();
  });
});

describe('the record of a call', () => {
  let server: FaultServer;
  beforeEach(async () => {
    server = await faultServer();
  });
  afterEach(() => server.close());

  it('knows the rate limits of a good answer and of an error', async () => {
    const headers = {
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '7',
    };
    const provider = providerOf(server);
    for (const response of [{ ...HELLO, headers }, anthropicError(429, { headers })]) {
      server.enqueue(response);
      const call = fakeCall();
      await readStream(provider.stream(ask('Hi'), call)).catch(() => undefined);
      expect(call.call.rateLimits).toMatchObject({ limitRequests: 50, remainingRequests: 7 });
    }
    await provider.close?.();
  });
});
