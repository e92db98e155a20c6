import { Pipeline } from 'sluice';
import type { Provider } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { timeout } from 'sluice/middleware/timeout';
import type { TimeoutOptions } from 'sluice/middleware/timeout';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, manualGate, messagesStream } from 'sluice/testing';
import type { FaultServer, WireStream } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

// Sockets live in real time, the clocks of the library do not.
beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
afterEach(() => vi.useRealTimers());

interface Wired {
  provider(server: FaultServer): Provider;
  stream(...text: string[]): WireStream;
  /** Events in front of the first piece of text. */
  events: number;
  /** What servers send to keep a connection alive. */
  keepAlives: string;
}

const wires: Record<string, Wired> = {
  openai: {
    provider: ({ openaiBaseURL }) =>
      openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL: openaiBaseURL, api: 'chat' }),
    stream: (...text) => chatStream({ text }),
    events: 1,
    keepAlives: ': keep-alive\n\n: keep-alive\n\n',
  },
  anthropic: {
    provider: ({ anthropicBaseURL }) =>
      anthropic({ model: 'claude-haiku-4-5', apiKey: 'test', baseURL: anthropicBaseURL }),
    stream: (...text) => messagesStream({ text }),
    events: 3,
    keepAlives: ': keep-alive\n\n: keep-alive\n\n',
  },
};

function pipelineOf(server: FaultServer, wire: Wired, limits: TimeoutOptions): Pipeline {
  return new Pipeline([timeout(limits), provider(wire.provider(server))], {
    executionTimeoutMs: 0,
    idleTimeoutMs: 0,
  });
}

describe.each(Object.entries(wires))('timeout over the wire: %s', (_name, wire) => {
  test('R5 a stall after the headers is an idle timeout, and the socket is freed', async () => {
    await using server = await faultServer();
    const headers = Promise.withResolvers<unknown>();
    const stall = { kind: 'stall', at: { event: 0 }, gate: headers.promise } as const;
    server.enqueue({ stream: wire.stream('never sent'), fault: stall });
    const failed = pipelineOf(server, wire, { idleMs: 5_000 })
      .execute('user', 'Hi')
      .catch((error: unknown) => error);
    await server.nextRequest();
    headers.resolve(undefined);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await failed).toMatchObject({ code: 'timeout', phase: 'idle', partial: { content: '' } });
    await server.idle();
    expect(server.log).toContain('client-left 0');
  });

  test('R5 a stall after some text keeps the text', async () => {
    await using server = await faultServer();
    const stall = { kind: 'stall', at: { event: wire.events + 1 } } as const;
    server.enqueue({ stream: wire.stream('Once ', 'upon'), fault: stall });
    const stream = pipelineOf(server, wire, { firstChunkMs: 20_000, idleMs: 5_000 }).executeStream(
      'user',
      'Hi',
    );
    expect(await stream.next()).toMatchObject({ value: { content: 'Once ' } });
    const failed = stream.next().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(server.openRequests).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await failed).toMatchObject({ code: 'timeout', phase: 'idle', partial: { content: 'Once ' } });
    await server.idle();
    expect(server.log).toContain('client-left 0');
  });

  test.each([
    ['keep-alives', true],
    ['a chunk', false],
  ])('R6 %s in the meantime: it is an idle timeout, %s', async (_what, isTimeout) => {
    await using server = await faultServer();
    const pace = manualGate();
    const later = Promise.withResolvers<unknown>();
    const at = { event: wire.events + 1 };
    const made = wire.stream('Once ', 'upon ', 'a time');
    const fault = { kind: 'garbage', at, data: wire.keepAlives, gate: later.promise } as const;
    server.enqueue({ stream: made, fault, gate: pace.gate });
    const stream = pipelineOf(server, wire, { idleMs: 5_000 }).executeStream('user', 'Hi');
    pace.release(wire.events + 1);
    await stream.next();
    let ended = false;
    const reading = (isTimeout ? stream.next() : stream.next().then(() => stream.next())).catch(
      (error: unknown) => {
        ended = true;
        return error;
      },
    );
    await vi.advanceTimersByTimeAsync(3_000);
    later.resolve(undefined);
    if (!isTimeout) pace.release();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ended).toBe(isTimeout);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await reading).toMatchObject({ code: 'timeout', phase: 'idle' });
  });

  test('firstChunkMs ends a wait for headers that never come, totalMs an answer that does not end', async () => {
    await using server = await faultServer();
    const never = new Promise<void>(() => undefined);
    server.enqueue({ stream: wire.stream('x'), delayHeaders: never });
    const late = pipelineOf(server, wire, { firstChunkMs: 2_000 })
      .execute('user', 'Hi')
      .catch((error: unknown) => error);
    await server.nextRequest();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await late).toMatchObject({ code: 'timeout', phase: 'first_chunk' });

    const pace = manualGate();
    server.enqueue({ stream: wire.stream('a', 'b', 'c'), gate: pace.gate });
    const stream = pipelineOf(server, wire, { idleMs: 4_000, totalMs: 6_000 }).executeStream('user', 'Hi');
    pace.release(wire.events + 1);
    await stream.next();
    await vi.advanceTimersByTimeAsync(3_000);
    pace.release();
    await stream.next();
    const failed = stream.next().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await failed).toMatchObject({ code: 'timeout', phase: 'total', partial: { content: 'ab' } });
    await server.idle();
  });

  test('inside a retry each attempt has its own clock', async () => {
    await using server = await faultServer();
    const stall = { kind: 'stall', at: { event: 0 } } as const;
    server.enqueue({ stream: wire.stream('x'), fault: stall }, { stream: wire.stream('Once ', 'upon') });
    const stack = [
      retry({ backoff: constant(0) }),
      timeout({ firstChunkMs: 2_000 }),
      provider(wire.provider(server)),
    ];
    const running = new Pipeline(stack, { executionTimeoutMs: 0 }).execute('user', 'Hi');
    await server.nextRequest();
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await running).response.content).toBe('Once upon');
    expect(vi.getTimerCount()).toBe(0);
  });
});
