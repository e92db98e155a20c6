import Anthropic from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic-sdk-0';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Accumulator } from 'sluice';
import type { StreamChunk } from 'sluice';
import { anthropicAnswer, anthropicFormat } from '../../../../server/formats/anthropic.ts';
import { keptItems } from '../../../../server/formats/kept-items.ts';
import { parseAnthropicMessages } from '../../../../server/requests/anthropic-messages.ts';
import { sseText } from '../../../../server/send/sse-text.ts';
import type { SentChunk, SentEnd } from '../../../../server/stream/parts.ts';
import type { SentItem } from '../../../../server/stream/sent-stream.ts';
import { dataOfFrames, framesOf } from '../folded.ts';
import { CLIENT_TOOLS, randomItems } from '../random-items.ts';

const RUNS = 150;
const options = { clientTools: CLIENT_TOOLS, model: 'm', inputTokens: 12 };

type Json = Record<string, unknown>;

/** What the official accumulator makes of a stream, or the error that it throws. */
async function addedUp(Client: typeof Anthropic, items: readonly SentItem[]): Promise<Json | Error> {
  const body = framesOf(items, anthropicFormat, options)
    .map(({ frame, id }) => sseText(frame, id))
    .join('');
  const headers = { 'content-type': 'text/event-stream', 'request-id': 'req_1' };
  const client = new Client({
    ...{ apiKey: 'k', baseURL: 'http://127.0.0.1', maxRetries: 0 },
    fetch: async () => new Response(body, { headers }),
  });
  try {
    const ask = { model: 'm', max_tokens: 9, messages: [{ role: 'user' as const, content: 'Hi' }] };
    return JSON.parse(JSON.stringify(await client.messages.stream(ask).finalMessage())) as Json;
  } catch (error) {
    return error as Error;
  }
}

function endOf(items: readonly SentItem[]): SentEnd {
  const last = items.at(-1);
  if (last?.type !== 'end') throw new Error('A stream ends with its end.');
  return last.end;
}

function joinedText(items: readonly SentItem[]): string {
  const accumulator = new Accumulator();
  for (const item of keptItems(items)) if (item.type === 'chunk') accumulator.add(item.chunk);
  return accumulator.content;
}

describe.each([
  ['of today', Anthropic],
  ['before it', Anthropic0 as unknown as typeof Anthropic],
])('the accumulator of the official client %s', (_name, Client) => {
  test('makes of any stream what the answer in one piece has', async () => {
    await fc.assert(
      fc.asyncProperty(randomItems({ resets: false }), async (items) => {
        const streamed = await addedUp(Client, items);
        const answer = anthropicAnswer(items, options, 'req_1');
        const { outcome } = endOf(items);
        if (outcome === 'failed' || outcome === 'cancelled') {
          expect(streamed).toBeInstanceOf(Error);
          expect(answer.status).toBeGreaterThanOrEqual(400);
          return;
        }
        expect(streamed).toMatchObject(answer.body as Json);
        const { content } = answer.body as { content: Json[] };
        const texts = content.flatMap(({ type, text }) => (type === 'text' ? [text] : []));
        expect(texts.join('')).toBe(joinedText(items));
        const names = content.flatMap(({ type, name }) => (type === 'tool_use' ? [name] : []));
        expect(names.every((name) => CLIENT_TOOLS.has(String(name)))).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});

test('blocks follow each other with dense indices, and a success end comes only after a success', () => {
  fc.assert(
    fc.property(randomItems({ resets: true }), (items) => {
      const events = dataOfFrames(framesOf(items, anthropicFormat, options));
      expect(events.filter(({ type }) => type === 'message_start')).toHaveLength(1);
      let open: unknown;
      let next = 0;
      for (const { type, index } of events) {
        if (type === 'content_block_start') {
          expect([open, index]).toEqual([undefined, next]);
          open = next++;
        }
        if (type === 'content_block_delta' || type === 'content_block_stop') expect(index).toBe(open);
        if (type === 'content_block_stop') open = undefined;
      }
      const isError = events.at(-1)?.['type'] === 'error';
      expect(events.some(({ type }) => type === 'message_stop')).toBe(!isError);
      const { outcome } = endOf(items);
      if (outcome === 'failed' || outcome === 'cancelled') expect(isError).toBe(true);
    }),
    { numRuns: RUNS },
  );
});

test('a cut behind any event goes on with the same events', () => {
  fc.assert(
    fc.property(randomItems({ resets: true }), (items) => {
      const all = framesOf(items, anthropicFormat, options);
      all.forEach(({ id }, at) => {
        if (id === undefined) return;
        expect(framesOf(items, anthropicFormat, options, id)).toEqual(all.slice(at + 1));
      });
    }),
    { numRuns: 40 },
  );
});

const end = (more: Partial<SentEnd>): SentItem => ({
  ...{ type: 'end', position: 2, at: 2 },
  end: { outcome: 'completed', finishReason: 'stop', ...more },
});
const start: SentItem = { type: 'start', start: { turnId: 't1', startedAt: 0 } };

test.each<[string, Partial<SentEnd>, string]>([
  ['a whole answer', {}, 'end_turn'],
  ['one that is too long', { finishReason: 'length' }, 'max_tokens'],
  ['rounds of our own tools', { finishReason: 'tool_calls' }, 'end_turn'],
  ['a pause', { finishReason: 'pause' }, 'pause_turn'],
  ['a filter', { finishReason: 'content_filter' }, 'refusal'],
  ['a guard', { outcome: 'interrupted', reason: 'guard: secrets' }, 'refusal'],
  ['any other interrupt', { outcome: 'interrupted', reason: 'max_rounds' }, 'max_tokens'],
])('%s ends with its reason', (_name, more, reason) => {
  const events = dataOfFrames(framesOf([start, end(more)], anthropicFormat, options));
  expect(events.at(-2)).toMatchObject({ type: 'message_delta', delta: { stop_reason: reason } });
});

test('text after a tool of our own is a block of its own, and text that another call goes on with is not', () => {
  const chunks: StreamChunk[] = [
    { type: 'content', content: 'One', call: 1 },
    { type: 'content', content: ' two.', call: 2 },
    { type: 'tool_call', id: 'c1', name: 'search', arguments: {}, call: 2 },
    { type: 'tool_result', id: 'c1', name: 'search', content: 'x', isError: false, call: 2 },
    { type: 'content', content: 'Three.', call: 3 },
  ];
  const items = chunks.map((chunk, index): SentItem => {
    return { type: 'chunk', chunk: { ...chunk, index } as SentChunk, position: index + 1, at: 1 };
  });
  const { body } = anthropicAnswer([start, ...items, end({ finishReason: 'tool_calls' })], options, 'r');
  expect(body).toMatchObject({
    content: [
      { type: 'text', text: 'One two.' },
      { type: 'text', text: 'Three.' },
    ],
    stop_reason: 'end_turn',
  });
});

test('arguments that are not JSON reach the client in a way that it can give back to the model', () => {
  const chunk = {
    type: 'tool_call',
    id: 'c1',
    name: 'look',
    arguments: {},
    call: 1,
    index: 0,
    invalid: { raw: '{"a": ', reason: 'It is cut.' },
  } as const;
  const item: SentItem = { type: 'chunk', chunk, position: 1, at: 1 };
  const { body } = anthropicAnswer([start, item, end({})], options, 'r');
  expect(body).toMatchObject({ content: [{ type: 'tool_use', input: { INVALID_JSON: '{"a": ' } }] });
});

const thought = {
  provider: 'openai.responses',
  model: 'o',
  baseURL: 'https://secret.example',
  data: {
    type: 'reasoning',
    id: 'rs_1',
    encrypted_content: 'abc',
    other: 1,
  },
};

test('the reasoning of another API goes out as a signature, without its address, and comes back', () => {
  const chunk = { type: 'thinking', content: 'Hm.', block: thought, call: 1, index: 0 } as const;
  const item: SentItem = { type: 'chunk', chunk, position: 1, at: 1 };
  const { body } = anthropicAnswer([start, item, end({})], options, 'r');
  const { content } = body as { content: Json[] };
  expect(JSON.stringify(content)).not.toContain('secret.example');
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content },
    { role: 'user', content: 'And?' },
  ];
  const { input } = parseAnthropicMessages({ model: 'm', max_tokens: 9, messages }, new Headers());
  const data = { type: 'reasoning', id: 'rs_1', encrypted_content: 'abc' };
  expect((input as unknown as Json[])[1]?.['content']).toEqual([
    { type: 'thinking', text: 'Hm.', block: { provider: 'openai.responses', model: 'o', data } },
  ]);
});

test('a client cannot make anything but thinking of a signature', () => {
  const forged = `sluice-1:${JSON.stringify({ provider: 'openai.responses', data: { type: 'item_reference', id: 'x' } })}`;
  const messages = [{ role: 'assistant', content: [{ type: 'thinking', thinking: '', signature: forged }] }];
  const { input } = parseAnthropicMessages({ model: 'm', max_tokens: 9, messages }, new Headers());
  const { block } = ((input as unknown as Json[])[0]?.['content'] as Json[])[0] as { block: Json };
  expect(block['provider']).toBe('anthropic');
});

test.each([
  ['of the API', 'anthropic', (signature: string) => ({ type: 'thinking', thinking: '', signature })],
  ['that the API has redacted', 'anthropic', (data: string) => ({ type: 'redacted_thinking', data })],
  ['of another API', 'openai.responses', (id: string) => ({ type: 'reasoning', id })],
])('each piece of thinking %s is a block with its own signature', async (_which, provider, blockOf) => {
  const thought = (content: string, mark: string): Pick<SentItem & { type: 'chunk' }, 'chunk'> => ({
    chunk: {
      ...{ type: 'thinking', content, call: 1, index: 0 },
      block: { provider, data: blockOf(mark) },
    },
  });
  const pieces = [thought('One.', 's1'), thought('Two.', 's2')];
  const items: SentItem[] = [
    { type: 'start', start: { turnId: 't1', startedAt: 0 } },
    ...pieces.map((piece, at) => ({ ...piece, type: 'chunk' as const, position: at + 1, at: 1 })),
    { type: 'end', end: { outcome: 'completed', finishReason: 'stop' }, position: 3, at: 1 },
  ];
  const { content } = (await addedUp(Anthropic, items)) as { content: Json[] };
  const thinking = content.filter(({ type }) => type === 'thinking');
  expect(thinking.map((block) => block['thinking'])).toEqual(['One.', 'Two.']);
  const marks = content.map(({ signature, data }) => String(signature ?? data));
  for (const mark of ['s1', 's2']) expect(marks.filter((one) => one.includes(mark))).toHaveLength(1);
  expect(content).toEqual((anthropicAnswer(items, options, 'req_1').body as Json)['content']);
});
