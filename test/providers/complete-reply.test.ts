import { describe, expect, it } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { anthropic } from '../../providers/anthropic/index.ts';
import { openai } from '../../providers/openai/index.ts';
import { isSluiceError, Pipeline, type Provider } from '../../src/index.ts';

type Fetch = typeof globalThis.fetch;

interface Wire {
  make(fetch: Fetch, stream: boolean): Provider;
  /** A complete reply that says "Hello". */
  answer: Record<string, unknown>;
  /** The same as events. */
  events: string;
}

const data = (event: unknown) => `data: ${JSON.stringify(event)}\n\n`;

const wires: Record<string, Wire> = {
  'Chat Completions': {
    make: (fetch, stream) => openai({ apiKey: 'k', model: 'm', fetch, stream }),
    answer: {
      id: 'c',
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
    },
    events: data({ choices: [{ index: 0, delta: { content: 'Hello' }, finish_reason: 'stop' }] }),
  },
  Responses: {
    make: (fetch, stream) => openai({ apiKey: 'k', model: 'm', api: 'responses', fetch, stream }),
    answer: {
      id: 'r',
      object: 'response',
      status: 'completed',
      error: null,
      output: [{ type: 'message', id: 'm', content: [{ type: 'output_text', text: 'Hello' }] }],
    },
    events:
      data({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'Hello' }) +
      data({ type: 'response.completed', response: { status: 'completed', output: [] } }),
  },
  Messages: {
    make: (fetch, stream) => anthropic({ apiKey: 'k', model: 'm', fetch, stream }),
    answer: {
      id: 'm',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'Hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, output_tokens: 1 },
    },
    events:
      data({ type: 'message_start', message: { id: 'm', content: [] } }) +
      data({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
      data({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } }) +
      data({ type: 'content_block_stop', index: 0 }) +
      data({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }) +
      data({ type: 'message_stop' }),
  },
};

/** A pipeline over one API whose server answers with these bytes. */
function pipelineOf({ make }: Wire, body: string, type: string, stream: boolean): Pipeline {
  const fetch: Fetch = async () => new Response(body, { headers: { 'content-type': type } });
  return new Pipeline([provider(make(fetch, stream))], { own: true });
}

describe.each(Object.entries(wires))('%s', (_name, wire) => {
  it.each([
    ['application/json', true],
    ['text/event-stream', true],
    ['text/plain', true],
    ['text/event-stream', false],
  ])(
    'delivers a complete reply with the media type %s, if a stream was asked for: %s',
    async (type, stream) => {
      const pipeline = pipelineOf(wire, JSON.stringify(wire.answer, null, 2), type, stream);
      const { response } = await pipeline.execute('user', 'Hi');
      expect([response.content, response.finishReason]).toEqual(['Hello', 'stop']);
      await pipeline.shutdown();
    },
  );

  it.each([
    ['application/json', true],
    ['text/html', true],
    ['application/json', false],
    ['text/event-stream', false],
  ])('reads events with the media type %s, if a stream was asked for: %s', async (type, stream) => {
    const pipeline = pipelineOf(wire, `: {"a":1}\n\ndata: ping\n\n${wire.events}`, type, stream);
    const { response } = await pipeline.execute('user', 'Hi');
    expect([response.content, response.finishReason]).toEqual(['Hello', 'stop']);
    await pipeline.shutdown();
  });

  it.each([
    ['event: error\ndata: {"code":"queue_full","details":"Later"}\n\n', 'overloaded'],
    ['event: error\ndata: {"detail":"Out of memory"}\n\n', 'server'],
    ['{"error":{"type":"exceed_context_size_error","message":"Too long"}}\n\n', 'context_length'],
    ['upstream connect error\n\n', 'server'],
  ])('fails with the message and the partial reply for %j between its events', async (error, code) => {
    const lines = wire.events.split('\n\n');
    const at = lines.findIndex((line) => line.includes('Hello')) + 1;
    // The lines that end the reply are removed: the error takes their place.
    const before = `${lines.slice(0, at).join('\n\n').replace('"stop"', 'null')}\n\n`;
    const body = `${before}${error}${lines.slice(at).join('\n\n')}data: [DONE]\n\n`;
    const pipeline = pipelineOf(wire, body, 'text/event-stream', true);
    const thrown: unknown = await pipeline.execute('user', 'Hi').catch((reason: unknown) => reason);
    if (!isSluiceError(thrown)) throw new Error('it is not a SluiceError');
    expect([thrown.code, thrown.partial?.content]).toEqual([code, 'Hello']);
    expect(thrown.message).toMatch(/Later|Out of memory|Too long|upstream connect error/);
    await pipeline.shutdown();
  });
});
