import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { faultServer, type FaultServer } from '../../../testing/upstream/fault-server.ts';
import { anthropicError } from '../../../testing/upstream/provider-errors.ts';
import { HELLO, providerOf } from './reply/calls.ts';
import { ask, fakeCall, readStream } from './support.ts';

describe('the record of a call', () => {
  let server: FaultServer;
  beforeEach(async () => {
    server = await faultServer();
  });
  afterEach(() => server.close());

  it('has the rate limits of a good response and of an error', async () => {
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
