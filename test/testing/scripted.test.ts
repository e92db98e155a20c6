import { getEventListeners } from 'node:events';

import { describe, expect, it } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { Pipeline, SluiceError } from '../../src/index.ts';
import type { ModelRequest, Provider, Reply, StreamChunk } from '../../src/index.ts';
import { directCall, manualGate, scripted } from '../../testing/index.ts';

const request: ModelRequest = { messages: [{ role: 'user', content: 'Hi' }], parameters: {} };

async function read(model: Provider, signal?: AbortSignal): Promise<{ chunks: StreamChunk[]; reply: Reply }> {
  const chunks: StreamChunk[] = [];
  const stream = model.stream(request, directCall(request, signal));
  for (;;) {
    const { done, value } = await stream.next();
    if (done === true) return { chunks, reply: value };
    chunks.push(value);
  }
}

const content = (text: string): StreamChunk => ({ type: 'content', content: text, call: 0 });

describe('a scripted provider', () => {
  it('streams a string word by word and stops', async () => {
    expect(await read(scripted('Hello my world'))).toEqual({
      chunks: [content('Hello '), content('my '), content('world')],
      reply: {
        finishReason: 'stop',
        provider: 'scripted',
        model: 'scripted',
        usage: {
          inputTokens: 12,
          outputTokens: 8,
          totalTokens: 20,
          cachedInputTokens: 0,
          cacheWriteTokens: 0,
          reasoningTokens: 0,
        },
      },
    });
  });

  it('reports the usage that is given with an error before it fails', async () => {
    const error = new SluiceError('overloaded', 'Busy.');
    const usage = { inputTokens: 5, outputTokens: 1 };
    const model = scripted([{ text: 'a b', after: 1, error, usage }, { error }, { error, usage: false }]);
    const usages: unknown[] = [];
    for (let call = 1; call <= 3; call++) {
      const direct = directCall(request);
      const stream = model.stream(request, direct);
      await expect(stream.text()).rejects.toBe(error);
      usages.push(direct.call.usage);
    }
    expect(usages).toEqual([expect.objectContaining({ ...usage, totalTokens: 6 }), undefined, undefined]);
  });

  it('sends its script in order: thinking, text, tool calls', async () => {
    const model = scripted({
      thinking: ['Hm.'],
      text: ['A ', 'b'],
      toolCalls: [{ id: 'x', name: 'add', arguments: { a: 1 } }, { name: 'now' }],
      usage: { inputTokens: 5, outputTokens: 3, reasoningTokens: 1 },
      model: 'scripted-2',
      requestId: 'req_1',
    });
    const { chunks, reply } = await read(model);
    expect(chunks).toEqual([
      { type: 'thinking', content: 'Hm.', call: 0 },
      content('A '),
      content('b'),
      { type: 'tool_call_delta', id: 'x', name: 'add', argumentsDelta: '{"a":1}', call: 0 },
      { type: 'tool_call', id: 'x', name: 'add', arguments: { a: 1 }, call: 0 },
      { type: 'tool_call_delta', id: 'call_1', name: 'now', argumentsDelta: '{}', call: 0 },
      { type: 'tool_call', id: 'call_1', name: 'now', arguments: {}, call: 0 },
    ]);
    expect(reply).toMatchObject({
      finishReason: 'tool_calls',
      model: 'scripted-2',
      requestId: 'req_1',
      usage: { totalTokens: 8, reasoningTokens: 1 },
    });
  });

  it('delivers batches of the given size', async () => {
    const sizes: number[] = [];
    const stream = scripted({ text: ['a', 'b', 'c'], batchSize: 2 }).stream(request, directCall(request));
    for (let batch = await stream.read(); batch !== undefined; batch = await stream.read())
      sizes.push(batch.length);
    expect(sizes).toEqual([2, 1]);
  });

  it('sends the exact chunks, as new objects for each call', async () => {
    const chunk = content('same');
    const model = scripted({ chunks: [chunk] }, { repeat: true });
    const [first, second] = [await read(model), await read(model)];
    expect([first.chunks, second.chunks]).toEqual([[chunk], [chunk]]);
    expect(new Set([first.chunks[0], second.chunks[0], chunk]).size).toBe(3);
  });

  it('answers each call with the next reply, and fails for good when no reply is left', async () => {
    const model = scripted(['one', 'two']);
    model.enqueue('three');
    const pipeline = new Pipeline([provider(model)]);
    const contents = [];
    for (let at = 0; at < 3; at++) contents.push((await pipeline.execute('user', 'Hi')).response.content);
    expect(contents).toEqual(['one', 'two', 'three']);
    await expect(pipeline.execute('user', 'Hi')).rejects.toMatchObject({
      code: 'invalid_options',
      retryable: false,
      message: expect.stringContaining('call 4 has no reply, 3 replies are scripted'),
    });
  });

  it('repeats its last reply with repeat', async () => {
    const model = scripted(['one', 'two'], { repeat: true });
    const contents = [];
    for (let at = 0; at < 4; at++) contents.push((await read(model)).chunks.length);
    expect(contents).toEqual([1, 1, 1, 1]);
    expect(model.calls.map(({ number, state }) => [number, state])).toEqual([
      [1, 'completed'],
      [2, 'completed'],
      [3, 'completed'],
      [4, 'completed'],
    ]);
  });

  it('makes a reply from the request', async () => {
    const model = scripted((asked, call) => `${call}: ${asked.messages.length}`);
    expect((await read(model)).chunks).toEqual([content('1: '), content('1')]);
  });

  it('fails after the given number of chunks', async () => {
    const error = new SluiceError('overloaded', 'Busy.');
    const model = scripted({ text: ['a', 'b', 'c'], after: 2, error });
    const stream = model.stream(request, directCall(request));
    expect([(await stream.next()).value, (await stream.next()).value]).toEqual([content('a'), content('b')]);
    await expect(stream.next()).rejects.toBe(error);
    expect(model.calls).toMatchObject([{ state: 'failed', chunks: 2, error }]);
  });

  it('hangs until its signal aborts, and records that', async () => {
    const model = scripted({ text: 'Hello', hang: true });
    const controller = new AbortController();
    const stream = model.stream(request, directCall(request, controller.signal));
    await stream.next();
    const pending = stream.next();
    expect([model.openCalls, model.calls[0]?.state]).toEqual([1, 'open']);
    controller.abort();
    await expect(pending).rejects.toMatchObject({ code: 'aborted' });
    expect([model.openCalls, model.calls[0]?.state]).toEqual([0, 'closed']);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('hangs until it is closed', async () => {
    const model = scripted({ hang: true });
    const stream = model.stream(request, directCall(request));
    const pending = stream.next();
    await stream.close();
    expect((await pending).done).toBe(true);
    expect(model.calls).toMatchObject([{ state: 'closed', error: { code: 'aborted' } }]);
  });

  it('delivers one chunk each time its gate is released, then the end', async () => {
    const pace = manualGate();
    const model = scripted({ text: ['a', 'b'], gate: pace.gate });
    const reading = read(model);
    const call = await model.nextCall();
    const seen: number[] = [];
    for (let at = 0; at < 3; at++) {
      seen.push(call.chunks);
      pace.release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toEqual([0, 1, 2]);
    expect((await reading).chunks).toEqual([content('a'), content('b')]);
  });

  it('can be closed while its gate is closed', async () => {
    const model = scripted({ text: 'a', gate: new Promise(() => undefined) });
    const controller = new AbortController();
    const reading = read(model, controller.signal);
    await model.nextCall();
    controller.abort();
    await expect(reading).rejects.toMatchObject({ code: 'aborted' });
  });

  it('records a request once its stream is read', async () => {
    const model = scripted(['one', 'two']);
    model.stream(request, directCall(request));
    expect(model.requests).toEqual([]);
    await read(model);
    expect(model.requests).toEqual([request]);
  });

  it('reports the usage on the call, unless usage is false', async () => {
    const model = scripted(['one', { text: 'two', usage: false }]);
    const calls = [directCall(request), directCall(request)];
    for (const call of calls) for await (const _chunk of model.stream(request, call)) continue;
    expect(calls.map(({ call }) => call.usage?.totalTokens)).toEqual([20, undefined]);
  });

  it('counts how many times it was closed', async () => {
    const model = scripted('Hi', { name: 'openai', model: 'gpt' });
    const pipeline = new Pipeline([provider(model)], { own: true });
    const { provider: name, model: answered } = await pipeline.execute('user', 'Hi');
    await pipeline.shutdown();
    expect([name, answered, model.closed]).toEqual(['openai', 'gpt', 1]);
  });

  it('refuses a reply that cannot be played', () => {
    const hanging = { text: 'a', hang: true, error: new SluiceError('server', 'x') };
    expect(() => scripted(hanging)).toThrow('error and hang cannot be used together');
    expect(() => scripted({ text: 'a', after: 1 })).toThrow('after needs error or hang');
    expect(() => scripted({ toolCalls: [{ name: 'add', arguments: '{' }] })).toThrow(
      'the arguments of add are not valid JSON',
    );
    expect(() => scripted({ text: 'a', batchSize: 0 })).toThrow('batchSize');
    const misspelled: object = { txet: 'a' };
    expect(() => scripted(misspelled)).toThrow('txet is not an option');
  });
});
