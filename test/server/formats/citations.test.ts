import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { chatCompletions } from '../../../server/formats/chat-completions.ts';
import { CitedText } from '../../../server/formats/citations.ts';
import { openaiApp } from '../openai/app.ts';
import type { OpenAIApp } from '../openai/app.ts';
import { officialClients } from '../openai/clients.ts';
import { framesOf } from './folded.ts';
import { itemsOf } from './frames.ts';
import type { Said } from './frames.ts';

const RHINE = { url: 'https://rivers.example/rhine', title: 'The Rhine' };
const OF_RESPONSES = { type: 'url_citation', ...RHINE, start_index: 3, end_index: 9 };
const OF_CHAT = { type: 'url_citation', url_citation: { ...RHINE, start_index: 3, end_index: 9 } };
const OF_ANTHROPIC = {
  ...{
    type: 'web_search_result_location',
    ...RHINE,
    cited_text: 'The Rhine is long.',
    encrypted_index: 'Eq',
  },
};
const PAGE = { ...RHINE, start: 3, end: 9 };

describe('where a citation belongs', () => {
  test.each([
    ['Responses', OF_RESPONSES, PAGE],
    ['Chat Completions', OF_CHAT, PAGE],
    ['Anthropic', OF_ANTHROPIC, { ...PAGE, start: 10, end: 10 }],
    [
      'a search result by its source',
      { type: 'search_result_location', source: RHINE.url },
      { url: RHINE.url, title: '', start: 10, end: 10 },
    ],
    ['an address alone', RHINE.url, { url: RHINE.url, title: '', start: 10, end: 10 }],
    ['places that make no sense', { ...OF_RESPONSES, start_index: -1 }, { ...PAGE, start: 10, end: 10 }],
    ['a file', { type: 'file_citation', file_id: 'f', index: 1 }, undefined],
    ['an address that is a script', { ...OF_RESPONSES, url: 'javascript:alert(1)' }, undefined],
    ['nothing', null, undefined],
  ])('%s', (_name, citation, page) => {
    const text = new CitedText();
    text.add('It is long', 1);
    expect(text.page(citation)).toEqual(page);
  });

  test('counts from the part of the reply for Responses, and from the reply for Chat Completions', () => {
    const text = new CitedText();
    text.add('First. ', 1);
    text.add('Second. ', 2);
    text.separate();
    text.add('It is long', 2);
    const startOf = (citation: unknown) => text.page(citation)?.start;
    expect([startOf(OF_RESPONSES), startOf(OF_CHAT)]).toEqual([18, 10]);
  });
});

const CITED: ScriptedAnswer = {
  chunks: [
    { type: 'content', content: 'It is ' },
    { type: 'content', content: 'long.' },
    {
      type: 'content',
      content: '',
      citations: [OF_RESPONSES, { type: 'file_citation', file_id: 'f', filename: 'a.pdf', index: 1 }],
    },
    { type: 'content', content: ' Very.', citations: [OF_ANTHROPIC] },
  ],
  finishReason: 'stop',
};

let app: OpenAIApp;
let model: ScriptedProvider;
beforeEach(async () => {
  model = scripted([CITED, CITED]);
  app = await openaiApp(new Pipeline([provider(model)]));
});
afterEach(() => app[Symbol.asyncDispose]());

const user = { role: 'user' as const, content: 'How long is the Rhine?' };
const ANTHROPICS_IN_CHAT = {
  type: 'url_citation',
  url_citation: { ...RHINE, start_index: 17, end_index: 17 },
};

describe.each(officialClients)('the official client of OpenAI %s', (_version, Client) => {
  test('gets pages as annotations of Chat Completions, all in one list', async () => {
    const client = new Client({ baseURL: app.baseURL, apiKey: 'k' });
    const asked = { model: 'gpt-x', messages: [user] };
    const whole = (await client.chat.completions.create(asked)).choices[0]?.message;
    const streamed = (await client.chat.completions.stream(asked).finalChatCompletion()).choices[0]?.message;
    expect(whole?.annotations).toEqual([OF_CHAT, ANTHROPICS_IN_CHAT]);
    expect(streamed?.annotations).toEqual([OF_CHAT, ANTHROPICS_IN_CHAT]);
    expect(streamed?.content).toBe('It is long. Very.');
  });

  test('gets pages and files as annotations of Responses', async () => {
    const client = new Client({ baseURL: app.baseURL, apiKey: 'k' });
    const asked = { model: 'gpt-x', input: 'How long?' };
    const whole = await client.responses.create(asked);
    const stream = client.responses.stream(asked);
    const added: unknown[] = [];
    stream.on('response.output_text.annotation.added', ({ annotation, annotation_index }) =>
      added.push([annotation_index, annotation]),
    );
    const streamed = await stream.finalResponse();
    const annotations = [
      OF_RESPONSES,
      { type: 'file_citation', file_id: 'f', filename: 'a.pdf', index: 1 },
      { type: 'url_citation', ...RHINE, start_index: 17, end_index: 17 },
    ];
    for (const { output } of [whole, streamed])
      expect(output).toMatchObject([{ content: [{ text: 'It is long. Very.', annotations }] }]);
    expect(added).toEqual(annotations.map((annotation, at) => [at, annotation]));
  });
});

test('the official client of Anthropic gets its own citations as they are, and those of others as pages without an index', async () => {
  const client = new Anthropic({ baseURL: app.baseURL.slice(0, -'/v1'.length), apiKey: 'k' });
  const asked = { model: 'gpt-x', max_tokens: 9, messages: [user] };
  const foreign = { type: 'web_search_result_location', ...RHINE, cited_text: 'is lon', encrypted_index: '' };
  const content = [{ type: 'text', text: 'It is long. Very.', citations: [foreign, OF_ANTHROPIC] }];
  expect((await client.messages.create(asked)).content).toEqual(content);
  const streamed = await client.messages.stream(asked).finalMessage();
  expect(streamed.content).toMatchObject(content);
  // What comes back is what Anthropic's API takes: its own.
  model.enqueue('Yes.');
  await client.messages.create({
    ...asked,
    messages: [user, { role: 'assistant', content: streamed.content }, user],
  });
  expect(model.requests.at(-1)?.messages[1]?.content).toEqual([
    { type: 'text', text: 'It is long. Very.', citations: [OF_ANTHROPIC] },
  ]);
});

test('what a reset voids is not cited, also if nothing of it was shown', () => {
  const said: Said[] = [
    { type: 'content', content: '', citations: [OF_CHAT], call: 1 },
    { type: 'reset', from: 1, calls: [1], reason: 'again', call: 1 },
    { type: 'content', content: 'It is long.', citations: [{ ...OF_RESPONSES, start_index: 0 }], call: 2 },
  ];
  const items = itemsOf(said, { outcome: 'completed', finishReason: 'stop' });
  const text = framesOf(items, chatCompletions, {})
    .map(({ frame }) => frame.data)
    .join('\n');
  expect(text.match(/"url_citation":\{[^}]*\}/g)).toEqual([
    `"url_citation":${JSON.stringify({ ...RHINE, start_index: 0, end_index: 9 })}`,
  ]);
});
