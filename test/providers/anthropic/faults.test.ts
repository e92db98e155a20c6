import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { anthropic } from '../../../providers/anthropic/index.ts';
import { isSluiceError } from '../../../src/index.ts';
import type { FaultResponse } from '../../../testing/upstream/fault-response.ts';
import { faultServer, type FaultServer } from '../../../testing/upstream/fault-server.ts';
import { manualGate } from '../../../testing/manual-gate.ts';
import { messagesStream } from '../../../testing/upstream/messages-stream.ts';
import { anthropicError, htmlPage, messagesErrorLine } from '../../../testing/upstream/provider-errors.ts';
import { CANARY, failureOn, HELLO, providerOf, runOn } from './reply/calls.ts';
import { ask, fakeCall, readStream } from './support.ts';

let server: FaultServer;
beforeEach(async () => {
  vi.stubEnv('ANTHROPIC_API_KEY', undefined);
  server = await faultServer();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

describe('failures of a call of the Messages API', () => {
  it.each([
    [400, 'invalid_request', false],
    [401, 'authentication', false],
    [403, 'permission', false],
    [404, 'not_found', false],
    [429, 'rate_limited', true],
    [500, 'server', true],
    [529, 'overloaded', true],
  ])('R19 status %i is one request and the error %s', async (status, code, retryable) => {
    const { error } = await failureOn(server, anthropicError(status, { headers: { 'retry-after': '3' } }));
    expect(error).toMatchObject({
      code,
      status,
      retryable,
      provider: 'anthropic',
      requestId: 'req_0',
      retryAfterMs: 3000,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('R1 a stream that breaks off is truncated or a network error, and what came was delivered', async () => {
    const stream = messagesStream({ text: ['Hel', 'lo'] });
    const eof = await failureOn(server, { stream, fault: { kind: 'eof', at: { event: 4 } } });
    expect([eof.error.code, eof.error.retryable, eof.text]).toEqual(['truncated', true, 'Hel']);
    const last = await failureOn(server, {
      stream,
      fault: { kind: 'eof', at: { event: stream.lines.length - 1 } },
    });
    expect([last.error.code, last.text]).toEqual(['truncated', 'Hello']);
    const rst = await failureOn(server, { stream, fault: { kind: 'rst', at: { event: 4 } } });
    expect([rst.error.retryable, rst.text]).toEqual([true, 'Hel']);
    expect(['network', 'truncated']).toContain(rst.error.code);
  });

  it('R3 R4 an error event after status 200 is a typed error, before and after content', async () => {
    const stream = messagesStream({ text: ['Hel', 'lo'] });
    const lines = [messagesErrorLine({ status: 529 })];
    const early = await failureOn(server, { stream, fault: { kind: 'error', lines, at: { event: 1 } } });
    const late = await failureOn(server, { stream, fault: { kind: 'error', lines, at: { event: 4 } } });
    expect([early.error.code, early.error.retryable, early.text]).toEqual(['overloaded', true, '']);
    expect([late.error.code, late.error.requestId, late.text]).toEqual([
      'overloaded',
      'req_made_error',
      'Hel',
    ]);
  });

  it('R7 an end without any output is an error, but not a refusal', async () => {
    const { error } = await failureOn(server, { stream: messagesStream({}) });
    expect(isSluiceError(error)).toBe(true);
    const refusal = await runOn(server, { stream: messagesStream({ stopReason: 'refusal' }) });
    expect(refusal.reading).toMatchObject({ text: '', finishReason: 'refusal' });
  });

  it('R7 an HTML page or a JSON body with status 200 is an error', async () => {
    const codes = [
      await failureOn(server, htmlPage()),
      await failureOn(server, { body: { hello: 'world' } }),
      await failureOn(server, { body: { hello: 'world' } }, { stream: false }),
      await failureOn(server, anthropicErrorAs200()),
      await failureOn(server, anthropicErrorAs200(), { stream: false }),
    ].map(({ error }) => error.code);
    expect(codes.slice(0, 2)).toEqual(['protocol', 'protocol']);
    expect(['protocol', 'truncated']).toContain(codes[2]);
    expect(codes.slice(3)).toEqual(['overloaded', 'overloaded']);
  });

  it('R8 a spliced message is refused', async () => {
    const first = messagesStream({ text: ['Hel', 'lo'], id: 'msg_1' }).lines.slice(0, 4);
    const lines = [...first, ...messagesStream({ text: 'Other', id: 'msg_2' }).lines];
    const { error, text } = await failureOn(server, { stream: { lines } });
    expect([error.code, text]).toEqual(['protocol', 'Hel']);
  });

  it('S10 an event that is too long is refused', async () => {
    const stream = messagesStream({ text: 'x'.repeat(5000) });
    const { error } = await failureOn(server, { stream }, { limits: { maxEventCharacters: 1000 } });
    expect(error.code).toBe('protocol');
  });

  it('S12 redirects are not followed, and no address is taken from the environment', async () => {
    await using other = await faultServer();
    vi.stubEnv('ANTHROPIC_BASE_URL', other.url);
    const { error } = await failureOn(server, {
      status: 307,
      headers: { location: `${other.url}/v1/messages` },
    });
    expect(isSluiceError(error)).toBe(true);
    await runOn(server, HELLO);
    expect([server.requests.length, other.requests.length]).toEqual([2, 0]);
    vi.stubEnv('ANTHROPIC_API_KEY', 'k');
    const seen: string[] = [];
    const provider = anthropic({
      fetch: (input) => {
        seen.push(new Request(input).url);
        return Promise.reject(new TypeError('offline'));
      },
    });
    await readStream(provider.stream(ask('Hi'), fakeCall())).catch(() => undefined);
    expect(seen).toEqual(['https://api.anthropic.com/v1/messages']);
  });

  it('S12 no header and no other credential is taken from the environment', async () => {
    vi.stubEnv('ANTHROPIC_CUSTOM_HEADERS', `x-spy: yes\nX-Other: 1`);
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'token-of-somebody');
    await runOn(server, HELLO);
    const [request] = server.requests;
    expect(request?.headers).not.toHaveProperty('x-spy');
    expect(request?.headers).not.toHaveProperty('x-other');
    expect(JSON.stringify(request?.headers)).not.toContain('token-of-somebody');
  });

  it('S1 no error shows the key, not even if the server sends it back', async () => {
    const line = messagesErrorLine({ message: `bad key ${CANARY}` });
    const errors = [
      await failureOn(server, anthropicError(401, { message: `bad key ${CANARY}` })),
      await failureOn(server, { status: 500, body: `<p>${CANARY}</p>` }),
      await failureOn(server, { ...HELLO, fault: { kind: 'error', lines: [line], at: { event: 3 } } }),
      await failureOn(server, { ...HELLO, fault: { kind: 'rst', at: { event: 3 } } }),
      await failureOn(server, htmlPage(CANARY)),
      await failureOn(server, { ...HELLO, fault: { kind: 'fin', at: 'headers' } }),
    ];
    for (const { error } of errors) {
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(CANARY);
      expect(`${JSON.stringify(error)}${error.stack ?? ''}`).not.toContain(CANARY);
    }
  });

  it('close() and an aborted signal release the socket and leave no listener', async () => {
    for (const how of ['close', 'abort']) {
      const pace = manualGate();
      server.enqueue({ ...HELLO, gate: pace.gate });
      pace.release(4);
      const controller = new AbortController();
      const stream = providerOf(server).stream(ask('Hi'), fakeCall(ask('Hi'), controller.signal));
      expect((await stream.next()).value).toMatchObject({ content: 'Hel' });
      const request = server.requests.at(-1);
      if (how === 'close') {
        await stream.close();
        expect(await stream.next()).toEqual({ done: true, value: undefined });
      } else {
        controller.abort();
        await expect(stream.next()).rejects.toMatchObject({ code: 'aborted' });
      }
      expect(await request?.closed).toBe('client-left');
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    }
  });

  it('R12 no listener stays on a long-lived signal', async () => {
    const { signal } = new AbortController();
    const provider = providerOf(server);
    for (let run = 0; run < 50; run++) {
      server.enqueue(run % 2 === 0 ? HELLO : anthropicError(500));
      await readStream(provider.stream(ask('Hi'), fakeCall(ask('Hi'), signal))).catch(() => undefined);
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await provider.close?.();
  });

  it('R38 the record of a call that was cut has its input tokens', async () => {
    const stream = messagesStream({
      text: ['Hel', 'lo'],
      usage: { inputTokens: 12, cachedInputTokens: 4, outputTokens: 9 },
    });
    server.enqueue({ stream, fault: { kind: 'eof', at: { event: 4 } } });
    const call = fakeCall();
    await readStream(providerOf(server).stream(ask('Hi'), call)).catch(() => undefined);
    expect(call.call).toMatchObject({
      model: 'claude-haiku-4-5',
      serviceTier: 'standard',
      usage: { inputTokens: 12, cachedInputTokens: 4, estimated: true },
    });
  });
});

/** An error body with a status of success, as proxies send it. */
function anthropicErrorAs200(): FaultResponse {
  return { ...anthropicError(529), status: 200 };
}
