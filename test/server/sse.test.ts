import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, ExecutionResult, Stream } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { constant } from 'sluice/kit';
import { pipeToNode, pipeToWebSocket, sseResponse } from 'sluice/server';
import type { SocketLike } from 'sluice/server';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { sseText } from '../../server/send/sse-text.ts';
import { dataOf, eventsOf } from './support.ts';

function streamOf(answer: ScriptedAnswer): Stream<ExecutionChunk, ExecutionResult> {
  return new Pipeline([provider(scripted(answer))]).executeStream('user', 'Hi');
}

const busy = new SluiceError('overloaded', 'A secret of the provider.', { retryAfterMs: 2_000, status: 529 });

describe('a stream as a response', () => {
  test('has the headers of a stream of events, and its id before the first one', async () => {
    const response = await sseResponse(streamOf('Hello world'), { id: 't1' });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-sluice-stream': 't1',
    });
    const events = await eventsOf(response);
    expect(events.map(({ id }) => id)).toEqual(['0.0', '1.0', '2.0', '3.0']);
    expect(dataOf(events)).toMatchObject([
      { type: 'start', turnId: 't1' },
      { type: 'content', content: 'Hello ', index: 0 },
      { type: 'content', content: 'world', index: 1 },
      { type: 'end', outcome: 'completed', finishReason: 'stop' },
    ]);
    expect(events.at(-1)?.data).not.toContain('cost');
  });

  test('is an error with a status if it fails before its first chunk, and tells when to come back', async () => {
    const response = await sseResponse(streamOf({ error: busy }), { requestId: 'r1', format: 'agent' });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await response.json()).toEqual({
      error: {
        code: 'overloaded',
        message: 'The provider is overloaded.',
        status: 529,
        retryable: true,
        retryAfterMs: 2_000,
        requestId: 'r1',
      },
    });
  });

  test('says in an event if it fails later', async () => {
    const response = await sseResponse(streamOf({ text: 'Half', error: busy }), { format: 'agent' });
    expect(response.status).toBe(200);
    // The end has a place of its own: a client that has the text takes it.
    expect((await eventsOf(response)).map(({ event, id }) => [event, id])).toEqual([
      ['connected', '0.0'],
      ['content', '1.0'],
      ['error', '2.0'],
      ['done', '2.1'],
    ]);
  });

  test('leaves out what the client has, whatever event it had last', async () => {
    const all = await eventsOf(await sseResponse(streamOf('One two three'), { format: 'agent' }));
    for (const [place, { id }] of all.entries()) {
      const rest = await eventsOf(
        await sseResponse(streamOf('One two three'), { format: 'agent', lastEventId: id }),
      );
      expect(rest.map((event) => event.id)).toEqual(all.slice(place + 1).map((event) => event.id));
    }
  });

  test('refuses what is not an id of an event', async () => {
    await expect(sseResponse(streamOf('Hi'), { lastEventId: 'abc' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  test('is cancelled when the client leaves its body', async () => {
    const model = scripted({ text: 'One two', hang: true });
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    const response = await sseResponse(stream);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
    expect(model.calls[0]?.state).toBe('closed');
  });

  test('R41 is cancelled when the client leaves before the first chunk', async () => {
    const model = scripted({ hang: true });
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    const client = new AbortController();
    const answering = sseResponse(stream, { signal: client.signal });
    await model.nextCall();
    client.abort();
    await answering;
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
    expect(model.openCalls).toBe(0);
  });
});

describe('with time', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('headers leave after statusWaitMs, and heartbeats follow while nothing happens', async () => {
    const gate = manualGate();
    const answering = sseResponse(streamOf({ text: 'Hi', gate: gate.gate }), {
      statusWaitMs: 5_000,
      heartbeatMs: 8_000,
    });
    await vi.advanceTimersByTimeAsync(4_999);
    let isThere = false;
    void answering.then(() => (isThere = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(isThere).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    const response = await answering;
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain('"type":"start"');
    await vi.advanceTimersByTimeAsync(16_000);
    expect((await reader?.read())?.value).toBe(': heartbeat\n\n');
    expect((await reader?.read())?.value).toBe(': heartbeat\n\n');
    gate.open();
    await vi.advanceTimersByTimeAsync(0);
    expect((await reader?.read())?.value).toContain('"content":"Hi"');
  });

  test('S11 a client that reads nothing is waited for, then cut off, and the call is cancelled', async () => {
    const text = Array.from({ length: 200 }, () => 'x'.repeat(10_000));
    const model = scripted({ text, batchSize: 1, hang: true });
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    const response = await sseResponse(stream, { slowClientMs: 30_000 });
    await vi.advanceTimersByTimeAsync(29_999);
    expect(model.openCalls).toBe(1);
    expect(model.calls[0]?.chunks).toBeLessThan(30);
    await vi.advanceTimersByTimeAsync(1);
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
    await expect(response.text()).rejects.toThrow('The stream was cut.');
  });
});

describe('resets', () => {
  const failing = (): ScriptedAnswer[] => [{ text: 'Wrong', error: busy }, 'Right'];
  const pipelineOf = (): Pipeline =>
    new Pipeline([retry({ afterContent: 'reset', backoff: constant(0) }), provider(scripted(failing()))]);

  test('are events of a format that shows them', async () => {
    const events = await eventsOf(await sseResponse(pipelineOf().executeStream('user', 'Hi')));
    expect(dataOf(events).map(({ type }) => type)).toEqual(['start', 'content', 'reset', 'content', 'end']);
  });

  test('end a stream that cannot take back what it showed, with an error that has no id', async () => {
    const response = await sseResponse(pipelineOf().executeStream('user', 'Hi'), { format: 'agent' });
    const events = await eventsOf(response);
    expect(events.map(({ event, id }) => [event, id])).toEqual([
      ['connected', '0.0'],
      ['content', '1.0'],
      ['error', undefined],
      ['done', undefined],
    ]);
    expect(dataOf(events)[2]).toMatchObject({ metadata: { code: 'truncated', retryable: true } });
  });
});

test.each([
  ['sluice', '"type":"end"'],
  ['agent', 'event: complete'],
  ['openai', '"object":"chat.completion.chunk"'],
  ['openai-responses', 'event: response.completed'],
  ['anthropic', 'event: message_stop'],
  ['ui-message', '"type":"finish"'],
  ['ag-ui', '"type":"RUN_FINISHED"'],
] as const)('the format %s is found by its name', async (format, part) => {
  expect(await (await sseResponse(streamOf('Hi'), { format })).text()).toContain(part);
});

describe('a stream over a response of Node', () => {
  test('is the same bytes, one write an event', async () => {
    const writes: string[] = [];
    await using server = await listening(async (response) => {
      const write = response.write.bind(response);
      response.write = (text: string) => {
        writes.push(text);
        return write(text);
      };
      await pipeToNode(streamOf('Hello world'), response, { format: 'agent', id: 't1' });
    });
    const response = await fetch(server.url);
    expect(response.headers.get('x-sluice-stream')).toBe('t1');
    const events = await eventsOf(response);
    expect(events.map(({ event }) => event)).toEqual(['connected', 'content', 'content', 'complete', 'done']);
    expect(writes).toHaveLength(5);
  });

  test('is an error with a status if it fails at once', async () => {
    await using server = await listening((response) => pipeToNode(streamOf({ error: busy }), response));
    const response = await fetch(server.url);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await response.json()).toMatchObject({ error: { code: 'overloaded' } });
  });

  test('is cancelled when the client hangs up', async () => {
    const model = scripted({ text: 'One', hang: true });
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    await using server = await listening((response) => pipeToNode(stream, response));
    const client = new AbortController();
    const response = await fetch(server.url, { signal: client.signal });
    await response.body?.getReader().read();
    client.abort();
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('a stream over a socket', () => {
  test('is one message an event, with its id and the id of its stream', async () => {
    const socket = new FakeSocket();
    await pipeToWebSocket(streamOf('Hi'), socket, { id: 't1' });
    expect(socket.sent.map((text) => JSON.parse(text) as unknown)).toMatchObject([
      { stream: 't1', id: '0.0', item: { type: 'start' } },
      { stream: 't1', id: '1.0', item: { type: 'content', content: 'Hi' } },
      { stream: 't1', id: '2.0', item: { type: 'end', outcome: 'completed' } },
    ]);
  });

  test('is cancelled when the socket closes', async () => {
    const model = scripted({ text: 'One', hang: true });
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    const socket = new FakeSocket();
    const sending = pipeToWebSocket(stream, socket);
    await model.nextCall();
    socket.leave();
    await sending;
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
  });
});

test('S5 an event is one event of the same data, whatever the data holds', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ':', ' ', '\r', '\n', '\u2028', '\0', 'é', 'data: x', 'id: 1'),
  });
  fc.assert(
    fc.property(text, (data) => {
      const wire = sseText({ data }, '1.0');
      expect(parsed(wire)).toEqual([data.replaceAll(/\r\n|\r/g, '\n')]);
    }),
  );
});

/** A parser by the standard's own rules, written apart from the one that is used. */
function parsed(wire: string): string[] {
  const events: string[] = [];
  let data: string[] = [];
  for (const line of wire.split(/\r\n|\r|\n/)) {
    if (line === '') {
      if (data.length > 0) events.push(data.join('\n'));
      data = [];
    } else if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
  }
  return events;
}

class FakeSocket implements SocketLike {
  readyState = 1;
  readonly sent: string[] = [];
  readonly #listeners = new Set<() => void>();

  send(text: string, sent?: () => void): void {
    this.sent.push(text);
    sent?.();
  }

  close(): void {
    this.leave();
  }

  addEventListener(_event: 'close', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_event: 'close', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  leave(): void {
    this.readyState = 3;
    for (const listener of this.#listeners) listener();
  }
}

async function listening(
  answer: (response: import('node:http').ServerResponse) => Promise<void>,
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((_request, response) => void answer(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
