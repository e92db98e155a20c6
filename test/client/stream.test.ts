import { describe, expect, expectTypeOf, test } from 'vitest';
import { Pipeline, Stream } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import type { ExecutionChunk, ExecutionResult, TurnStream } from 'sluice';
import { createClient } from '../../client/index.ts';
import type { Client, ClientStream } from '../../client/index.ts';
import type { WireEnd, WireItem, WireStart } from '../../client/wire.ts';
import type { SentEnd, SentStart } from '../../server/index.ts';
import { saidItems } from './items.ts';
import { all, errorOf, turn } from './turn.ts';
import { eventsOf, sendEvents, turnServer } from './turn-server.ts';
import type { Answer } from './turn-server.ts';

describe('a stream over the wire', () => {
  test('gives the chunks and the result of the execution', async () => {
    const { chunks, result, items } = await turn();
    await using server = await turnServer((asked, response) => sendEvents(asked, response, eventsOf(items)));
    const stream = createClient({ url: server.url }).stream('Hello', { id: 'turn-1' });
    const got = await all(stream);
    expect(got.slice(0, -1)).toEqual(chunks.slice(0, -1));
    expect(got.at(-1)).toMatchObject({ type: 'done', call: 0, index: chunks.length - 1 });
    const { response, messages, usage, cost, outcome, latencyMs, model } = await stream.result;
    expect({ response, usage, cost, outcome, latencyMs, model }).toEqual({
      response: result.response,
      usage: result.usage,
      cost: result.cost,
      outcome: result.outcome,
      latencyMs: result.latencyMs,
      model: result.model,
    });
    // The user's message is not sent back.
    expect(messages).toEqual(result.messages.slice(1));
    expect(await stream.next()).toEqual({ done: true, value: await stream.result });
  });

  test('has each chunk of a gap, and goes on behind any of them', async () => {
    const content = (text: string, index: number) =>
      ({ type: 'content', content: text, call: 1, index }) as const;
    const items: WireItem[] = [
      { type: 'start', turnId: 'turn-1', startedAt: 0 },
      { type: 'gap', chunks: [content('a b ', 0), { ...content('c ', 4), call: 2 }] },
      content('d', 6),
      { type: 'end', outcome: 'completed', finishReason: 'stop' },
    ];
    const ids = ['0.0', '6.0', '7.0', '8.0'];
    const events = items.map((item, at) => `id: ${ids[at]}\ndata: ${JSON.stringify(item)}\n\n`);
    await using server = await turnServer((asked, response) => sendEvents(asked, response, events));
    const stream = createClient({ url: server.url }).stream('Hello', { id: 'turn-1' });
    const got: unknown[] = [];
    for await (const chunk of stream) got.push([chunk.type, chunk.index, stream.cursor]);
    expect(got).toEqual([
      ['content', 0, '4.0'],
      ['content', 4, '6.0'],
      ['content', 6, '7.0'],
      ['done', 7, '8.0'],
    ]);
    expect((await stream.result).response.content).toBe('a b c d');
  });

  test('is the same type as the stream of an execution: code that shows one shows the other', async () => {
    const show = async (stream: TurnStream): Promise<unknown> => {
      const types: string[] = [];
      await stream.ready();
      for await (const chunk of stream) types.push(chunk.type);
      const { response } = await stream.result;
      return { types, response, partial: stream.partial?.content, ended: stream.ended };
    };
    await using server = await turnServer((asked, response) =>
      sendEvents(asked, response, eventsOf(saidItems('Hello ', 'world'))),
    );
    const here = new Pipeline([provider(scripted({ text: ['Hello ', 'world'] }))]).executeStream(
      'user',
      'Hi',
    );
    const there = createClient({ url: server.url }).stream('Hello', { id: 'turn-1' });
    expectTypeOf(here).toExtend<TurnStream>();
    expectTypeOf(there).toExtend<TurnStream>();
    expect(await show(there)).toEqual(await show(here));
  });

  test('asks as the server expects it, with the token', async () => {
    const items = saidItems('Hi');
    await using server = await turnServer((asked, response) => sendEvents(asked, response, eventsOf(items)));
    const client = createClient({
      url: server.url,
      path: '/api/v2',
      token: async () => 'secret',
      headers: { 'x-team': 'blue' },
      include: ['trace'],
    });
    await client.run('Hello', {
      id: 'turn-1',
      pipeline: 'main',
      model: 'm-1',
      conversation: 'c-1',
      organization: 'acme',
      context: { page: 4 },
      maxIterations: 3,
    });
    expect(server.asked).toMatchObject([
      {
        method: 'POST',
        url: '/api/v2/agent/stream?format=sluice&include=trace',
        headers: { authorization: 'Bearer secret', 'x-team': 'blue', accept: 'text/event-stream' },
        body: {
          input: 'Hello',
          turn_id: 'turn-1',
          pipeline: 'main',
          model: 'm-1',
          conversation_id: 'c-1',
          org_id: 'acme',
          context: { page: 4 },
          max_iterations: 3,
        },
      },
    ]);
  });

  test('sends nothing before the first read', async () => {
    await using server = await turnServer((asked, response) =>
      sendEvents(asked, response, eventsOf(saidItems('Hi'))),
    );
    const stream = createClient({ url: server.url }).stream('Hello');
    await stream.close();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(server.asked).toEqual([]);
    expect(await errorOf(stream.result)).toMatchObject({ code: 'aborted' });
  });

  test('is a stream of the core as soon as its views are needed', async () => {
    const items = saidItems('one\ntwo\n', 'three');
    await using server = await turnServer((asked, response) => sendEvents(asked, response, eventsOf(items)));
    const stream = Stream.from(createClient({ url: server.url }).stream('Hello'));
    const lines: string[] = [];
    for await (const line of stream.lines()) lines.push(line);
    expect(lines).toEqual(['one', 'two', 'three']);
    expect((await stream.result)?.response.content).toBe('one\ntwo\nthree');
  });

  test('has the types of the core and of the server', () => {
    type Shared = 'next' | 'close' | 'ready' | 'text' | 'partial' | 'ended';
    expectTypeOf<Pick<ClientStream, 'ready' | 'text' | 'close' | 'ended' | 'partial'>>().toExtend<{
      ready(): Promise<void>;
      text(): Promise<string>;
      close(reason?: unknown): Promise<void>;
    }>();
    expectTypeOf<Shared>().toExtend<keyof Stream<ExecutionChunk, ExecutionResult>>();
    expectTypeOf<Awaited<ClientStream['result']>>().toEqualTypeOf<ExecutionResult>();
    expectTypeOf<SentEnd>().toExtend<Omit<WireEnd, 'type'>>();
    expectTypeOf<SentStart>().toExtend<Omit<WireStart, 'type'>>();
    type Named = Client<{ support: unknown; sales: unknown }>;
    expectTypeOf<Parameters<Named['stream']>[1]>().toExtend<
      { pipeline?: 'support' | 'sales' | undefined } | undefined
    >();
  });
});

describe('the end of a turn', () => {
  const ended = (end: WireEnd): Answer => {
    const items = [...saidItems('some').slice(0, -1), end];
    return (asked, response) => sendEvents(asked, response, eventsOf(items));
  };

  test('that was stopped is the error `aborted` with the reason', async () => {
    await using server = await turnServer(ended({ type: 'end', outcome: 'cancelled', reason: 'stopped' }));
    const error = await errorOf(createClient({ url: server.url }).run('Hello'));
    expect(error).toMatchObject({ code: 'aborted', reason: 'stopped', partial: { content: 'some' } });
  });

  test('that failed is the error of the server', async () => {
    const told = { code: 'budget', message: 'The budget does not allow the request.' } as const;
    await using server = await turnServer(ended({ type: 'end', outcome: 'failed', error: told }));
    const error = await errorOf(createClient({ url: server.url }).run('Hello'));
    expect(error).toMatchObject({ ...told, retryable: false, partial: { content: 'some' } });
    expect(error.toJSON()).toMatchObject(told);
  });

  test('that was interrupted is a result with the calls that wait', async () => {
    const pending = [
      { callId: 'call-1', name: 'refund', arguments: { amount: 80 }, waitsFor: 'approval' as const },
    ];
    const end: WireEnd = { type: 'end', outcome: 'interrupted', reason: 'approval', pending };
    await using server = await turnServer(ended(end));
    const result = await createClient({ url: server.url }).run('Hello');
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'approval', pending });
  });
});

describe('a reader', () => {
  test('that leaves frees the connection, and its next read is done', async () => {
    const gone = Promise.withResolvers<void>();
    await using server = await turnServer((_asked, response) => {
      response.on('close', gone.resolve);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(eventsOf(saidItems('Hi', 'never')).slice(0, 2).join(''));
    });
    const stream = createClient({ url: server.url }).stream('Hello');
    expect(await stream.next()).toMatchObject({ value: { content: 'Hi' } });
    const waiting = stream.next();
    await stream.close('enough');
    expect(await waiting).toEqual({ done: true, value: undefined });
    await gone.promise;
    expect(await errorOf(stream.result)).toMatchObject({
      code: 'aborted',
      reason: 'enough',
      partial: { content: 'Hi' },
    });
    expect(server.asked.length).toBe(1);
  });

  test('whose signal aborts gets the error `aborted`, and the connection is freed', async () => {
    const gone = Promise.withResolvers<void>();
    await using server = await turnServer((_asked, response) => {
      response.on('close', gone.resolve);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(eventsOf(saidItems('Hi', 'never')).slice(0, 2).join(''));
    });
    const controller = new AbortController();
    const stream = createClient({ url: server.url }).stream('Hello', { signal: controller.signal });
    await stream.next();
    const waiting = errorOf(stream.next());
    controller.abort('away');
    expect(await waiting).toMatchObject({ code: 'aborted', reason: 'away' });
    await gone.promise;
  });

  test('whose signal aborts while nothing is read gets the error all the same, and the connection is freed', async () => {
    const gone = Promise.withResolvers<void>();
    await using server = await turnServer((_asked, response) => {
      response.on('close', gone.resolve);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        eventsOf(saidItems('Hi', 'there', 'never'))
          .slice(0, 3)
          .join(''),
      );
    });
    const controller = new AbortController();
    const stream = createClient({ url: server.url }).stream('Hello', { signal: controller.signal });
    await stream.next();
    controller.abort('away');
    expect(await errorOf(stream.result)).toMatchObject({ code: 'aborted', reason: 'away' });
    expect(await errorOf(stream.next())).toMatchObject({ code: 'aborted', reason: 'away' });
    await gone.promise;
  });

  test('whose signal has aborted before sends nothing', async () => {
    await using server = await turnServer(() => undefined);
    const signal = AbortSignal.abort('away');
    const stream = createClient({ url: server.url }).stream('Hello', { signal });
    expect(await errorOf(stream.next())).toMatchObject({ code: 'aborted', reason: 'away' });
    expect(server.asked).toEqual([]);
  });

  test('that breaks out of the loop closes the stream', async () => {
    await using server = await turnServer((asked, response) =>
      sendEvents(asked, response, eventsOf(saidItems('a', 'b'))),
    );
    const stream = createClient({ url: server.url }).stream('Hello');
    for await (const text of stream.textStream()) {
      expect(text).toBe('a');
      break;
    }
    expect(stream.ended).toBe(true);
    expect(await errorOf(stream.result)).toMatchObject({ code: 'aborted' });
  });

  test('that is slow holds the server back', async () => {
    const blocked = Promise.withResolvers<number>();
    const piece = 'x'.repeat(64 * 1024);
    const count = 2_000;
    await using server = await turnServer(async (_asked, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const events = eventsOf(saidItems(...Array.from({ length: count }, () => piece)));
      for (const [at, event] of events.entries()) {
        if (response.write(event)) continue;
        const drained = new Promise((resolve) => response.once('drain', resolve));
        // The socket takes nothing more in a whole turn of the loop, again and again: its reader waits.
        let isDrained = false;
        void drained.then(() => (isDrained = true));
        for (let turns = 0; turns < 500 && !isDrained; turns++)
          await new Promise((resolve) => setImmediate(resolve));
        if (!isDrained) blocked.resolve(at);
        await drained;
      }
      response.end();
    });
    const stream = createClient({ url: server.url }).stream('Hello');
    await stream.next();
    expect(await blocked.promise).toBeLessThan(count);
    let length = piece.length;
    for await (const chunk of stream) if (chunk.type === 'content') length += chunk.content.length;
    expect(length).toBe(count * piece.length);
  });

  test('reads concurrently in order', async () => {
    await using server = await turnServer((asked, response) =>
      sendEvents(asked, response, eventsOf(saidItems('a', 'b', 'c'))),
    );
    const stream = createClient({ url: server.url }).stream('Hello');
    const read = await Promise.all([
      stream.next(),
      stream.next(),
      stream.next(),
      stream.next(),
      stream.next(),
    ]);
    expect(read.map(({ value }) => (value !== undefined && 'type' in value ? value.index : 'end'))).toEqual([
      0,
      1,
      2,
      3,
      'end',
    ]);
  });
});

describe('text that a reset voids', () => {
  const items: WireItem[] = [
    { type: 'start', turnId: 'turn-1', startedAt: 0 },
    { type: 'content', content: 'kept ', call: 1, index: 0 },
    { type: 'content', content: 'half', call: 2, index: 1 },
    { type: 'reset', from: 2, calls: [2], reason: 'network', call: 2, index: 2 },
    { type: 'content', content: 'whole', call: 3, index: 3 },
    { type: 'end', outcome: 'completed', finishReason: 'stop' },
  ];
  const answer: Answer = (asked, response) => sendEvents(asked, response, eventsOf(items));

  test('ends textStream() with the error of the attempt', async () => {
    await using server = await turnServer(answer);
    const texts: string[] = [];
    const stream = createClient({ url: server.url }).stream('Hello');
    const read = (async () => {
      for await (const text of stream.textStream()) texts.push(text);
    })();
    expect(await errorOf(read)).toMatchObject({
      code: 'network',
      message: expect.stringContaining('onReset'),
    });
    expect(texts).toEqual(['kept ', 'half']);
    expect(await errorOf(stream.result)).toMatchObject({ code: 'network' });
  });

  test('is taken back by a reader with onReset, and is not in the result', async () => {
    await using server = await turnServer(answer);
    let shown = '';
    const stream = createClient({ url: server.url }).stream('Hello');
    const texts = stream.textStream({ onReset: ({ kept, reason }) => (shown = `${kept}(${reason}) `) });
    for await (const text of texts) shown += text;
    expect(shown).toBe('kept (network) whole');
    expect((await stream.result).response.content).toBe('kept whole');
  });
});
