import { afterEach, describe, expect, it, vi } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { retry } from '../../middleware/retry.ts';
import { timeout, type TimeoutOptions } from '../../middleware/timeout.ts';
import { Pipeline } from '../../src/index.ts';
import { constant } from '../../src/kit/index.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import type { FaultResponse } from '../../testing/upstream/fault-response.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { CODES } from '../support/frames.ts';
import { accountOf } from './account.ts';
import { told, WHOLE } from './frame-stage.ts';
import { networks } from './matrix.ts';
import { providerOf } from './stage.ts';

const stream = chatStream({ text: ['Hello', ' there'] });
const never = new Promise<void>(() => undefined);

interface Limit {
  readonly name: string;
  readonly limits: TimeoutOptions;
  readonly answer: FaultResponse;
  readonly phase: string;
  readonly text: string;
}

const LIMITS: Limit[] = [
  {
    name: 'no headers within firstChunkMs',
    limits: { firstChunkMs: 2_000 },
    answer: { stream, delayHeaders: never },
    phase: 'first_chunk',
    text: '',
  },
  {
    name: 'no text within firstChunkMs',
    limits: { firstChunkMs: 2_000 },
    answer: { stream, fault: { kind: 'stall', at: { event: 1 } } },
    phase: 'first_chunk',
    text: '',
  },
  {
    name: 'no sign of life within idleMs',
    limits: { firstChunkMs: 60_000, idleMs: 2_000 },
    answer: { stream, fault: { kind: 'stall', at: { event: 2 } } },
    phase: 'idle',
    text: 'Hello',
  },
  {
    name: 'no end within totalMs',
    limits: { totalMs: 2_000 },
    answer: { stream, fault: { kind: 'stall', at: { event: 3 } } },
    phase: 'total',
    text: 'Hello there',
  },
];

describe('a reply over HTTP/2 with', () => {
  const networkOf = networks('HTTP/2');
  afterEach(() => vi.useRealTimers());

  /** Lets time pass for the library. Sockets live in real time. */
  function holdClocks(): void {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  }

  it.each(LIMITS)('$name is a timeout, and its stream alone is reset', async (limit) => {
    holdClocks();
    const { limits, answer, phase, text } = limit;
    const network = networkOf('eof');
    await using server = await faultServer(network);
    const model = providerOf('openai-chat', server, network);
    const free = { executionTimeoutMs: 0, idleTimeoutMs: 0 };
    const limited = new Pipeline([timeout(limits), provider(model)], free);
    const patient = new Pipeline([provider(model)], free);
    const [before, after] = [manualGate(), manualGate()];
    server.enqueue({ stream, gate: before.gate }, answer, { stream, gate: after.gate });
    const begin = async (pipeline: Pipeline, onChunk?: (count: number) => void) => {
      const account = accountOf(pipeline.executeStream('user', 'Hi'), onChunk);
      return { account, request: await server.nextRequest() };
    };
    const elder = await begin(patient);
    const delivered = Promise.withResolvers<void>();
    const pieces = text.split(/(?= )/).filter((piece) => piece !== '').length;
    if (pieces === 0) delivered.resolve();
    const late = await begin(limited, (count) => {
      if (count === pieces) delivered.resolve();
    });
    const younger = await begin(patient);
    await delivered.promise;
    await vi.advanceTimersByTimeAsync(1_999);
    expect(late.request.clientLeft).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    const { error, result } = await late.account;
    expect(error).toMatchObject({ code: 'timeout', phase, partial: { content: text } });
    expect(result).toBe(error);
    expect(await late.request.closed).toBe('client-left');
    before.open();
    after.open();
    expect(told(await elder.account)).toBe(WHOLE);
    expect(told(await younger.account)).toBe(WHOLE);
    expect(server.requests.map(({ connection: { index, protocol } }) => `${protocol} ${index}`)).toEqual([
      'h2 0',
      'h2 0',
      'h2 0',
    ]);
    await model.close?.();
    await server.socketsClosed();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('a first attempt that took too long comes from the second one, on the same connection', async () => {
    holdClocks();
    const network = networkOf('eof');
    await using server = await faultServer(network);
    const model = providerOf('openai-chat', server, network);
    server.enqueue({ stream, delayHeaders: never }, { stream });
    const layers = [retry({ backoff: constant(0) }), timeout({ firstChunkMs: 2_000 }), provider(model)];
    const account = accountOf(new Pipeline(layers, { executionTimeoutMs: 0 }).executeStream('user', 'Hi'));
    await server.nextRequest();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told(await account)).toBe(WHOLE);
    expect(server.log.filter((line) => /request|left/.test(line))).toEqual([
      'request 0 POST /v1/chat/completions',
      'client-left 0',
      'request 1 POST /v1/chat/completions',
    ]);
    expect(new Set(server.requests.map(({ connection }) => connection.index)).size).toBe(1);
    await model.close?.();
    await server.socketsClosed();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('refused streams has one clock for all times that it is sent', async () => {
    holdClocks();
    const network = networkOf('eof');
    await using server = await faultServer(network);
    const model = providerOf('openai-chat', server, network);
    const refusal = Promise.withResolvers<void>();
    const code = CODES.indexOf('REFUSED_STREAM');
    server.enqueue(
      { stream, fault: { kind: 'reset', at: 'headers', code, gate: refusal.promise } },
      { stream, delayHeaders: never },
    );
    const layers = [timeout({ firstChunkMs: 2_000 }), provider(model)];
    const account = accountOf(new Pipeline(layers, { executionTimeoutMs: 0 }).executeStream('user', 'Hi'));
    await server.nextRequest();
    await vi.advanceTimersByTimeAsync(1_500);
    refusal.resolve();
    await server.nextRequest();
    await vi.advanceTimersByTimeAsync(500);
    expect((await account).error).toMatchObject({ code: 'timeout', phase: 'first_chunk' });
    await server.idle();
    expect(server.log).toContain('client-left 1');
    await model.close?.();
    await server.socketsClosed();
  });
});
