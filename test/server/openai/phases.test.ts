import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { Pipeline } from 'sluice';
import type { StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { openaiApp } from './app.ts';

const block = (phase: string): object => ({
  provider: 'openai.responses',
  data: { type: 'message', role: 'assistant', phase },
});
const text = (content: string): StreamChunk => ({ type: 'content', content, call: 0, index: 0 });
const chunks = [
  ...[text('Looking.'), { ...text(''), block: block('commentary') }],
  ...[text('It '), text('rains.'), { ...text(''), block: block('final_answer') }],
] as StreamChunk[];

/** What the client reads of the messages. */
const messagesOf = ({ output }: OpenAI.Responses.Response): unknown[] =>
  output.map((item) => (item.type === 'message' ? [item.phase, item.content] : item.type));

describe('the phases of messages', () => {
  it.each([false, true])('reach the client and come back, streamed: %s', async (stream) => {
    const model = scripted([{ chunks }, 'Bye']);
    await using app = await openaiApp(new Pipeline([provider(model)]));
    const client = new OpenAI({ baseURL: app.baseURL, apiKey: 'key' });
    const asked = { model: 'gpt-x', input: 'How is the weather?' };
    const answer = stream
      ? await client.responses.stream(asked).finalResponse()
      : await client.responses.create(asked);
    expect(messagesOf(answer)).toMatchObject([
      ['commentary', [{ text: 'Looking.' }]],
      ['final_answer', [{ text: 'It rains.' }]],
    ]);
    const input = [
      ...(answer.output as OpenAI.Responses.ResponseInput),
      { role: 'user' as const, content: 'Bye' },
    ];
    const last = await client.responses.create({ model: 'gpt-x', input });
    expect(messagesOf(last)).toMatchObject([[undefined, [{ text: 'Bye' }]]]);
    expect(model.requests[1]?.messages[0]?.content).toEqual([
      ...[
        { type: 'text', text: 'Looking.' },
        { type: 'provider', block: block('commentary') },
      ],
      ...[
        { type: 'text', text: 'It rains.' },
        { type: 'provider', block: block('final_answer') },
      ],
    ]);
  });
});
