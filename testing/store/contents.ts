import assert from 'node:assert/strict';

import type { Message } from '../../src/index.ts';
import type { StoreCase } from './contract.ts';
import { contentsOf, entries } from './stage.ts';

const MEGABYTE = 1024 * 1024;

/** Every kind of message part, with values that are hard to store. */
const EVERYTHING: Message[] = [
  { role: 'system', content: 'Be brief.', name: 'rules' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'Look: 🐙 שלום \0 \u2028 "quoted" \\ \n' },
      { type: 'image', url: 'https://example.com/a.png', detail: 'low' },
      { type: 'image', data: 'AAAA', mediaType: 'image/png' },
      { type: 'audio', data: 'AAAA', mediaType: 'audio/wav' },
      { type: 'file', fileId: 'f1', mediaType: 'application/pdf', filename: 'a.pdf' },
    ],
  },
  {
    role: 'assistant',
    content: [
      {
        type: 'thinking',
        text: 'Hm.',
        block: { provider: 'anthropic', data: { type: 'thinking', thinking: 'Hm.', signature: 'c2ln/+==' } },
      },
      { type: 'text', text: 'I look.', citations: [{ url: 'x', at: [1, 2] }], refusal: true },
      {
        type: 'tool_call',
        id: 'c1',
        name: 'look',
        arguments: {
          deep: [[[{ a: null, b: false, c: 1e21, d: 0.1, e: -5, f: '' }]], [], {}],
          big: 9_007_199_254_740_991,
        },
        block: { provider: 'openai.responses', data: { encrypted_content: '\u0001\u007f' } },
      },
      { type: 'provider', block: { provider: 'anthropic', data: ['as', { it: 'came' }] } },
      {
        type: 'tool_call',
        id: 's1',
        name: 'web_search',
        arguments: { query: 'x' },
        providerExecuted: true,
        block: { provider: 'anthropic', model: 'm', baseURL: 'https://example.com', data: { id: 's1' } },
      },
      { type: 'tool_result', id: 's1', name: 'web_search', content: '[]', providerExecuted: true },
      {
        type: 'file',
        data: 'AAAA',
        mediaType: 'image/png',
        id: 'img_1',
        block: { provider: 'openai.chat', data: { id: 'img_1' } },
      },
      {
        type: 'tool_call',
        id: 'c3',
        name: 'look',
        arguments: {},
        invalid: { raw: '{"a":', reason: 'the arguments are not valid JSON' },
      },
    ],
  },
  {
    role: 'tool',
    content: [
      { type: 'tool_result', id: 'c1', name: 'look', content: 'nothing', isError: true },
      {
        type: 'tool_result',
        id: 'c2',
        name: 'look',
        content: [
          { type: 'text', text: 'a' },
          { type: 'image', url: 'https://example.com/b.png' },
        ],
      },
    ],
  },
  { role: 'assistant', content: 'half an ans', partial: true },
  { role: 'user', content: '' },
  { role: 'assistant', content: [] },
];

/** What was stored is returned unchanged. */
export const contentCases: readonly StoreCase[] = [
  {
    name: 'returns every kind of message part byte for byte',
    async run({ store, other, key }) {
      const appended = EVERYTHING.map((message) => ({ message }));
      await store.append(key(), appended, { expectedVersion: 0, turnId: 't' });
      for (const read of [await other.load(key()), await other.turn(key(), 't')]) {
        assert.deepEqual(read?.messages, EVERYTHING);
        assert.equal(JSON.stringify(read?.messages), JSON.stringify(EVERYTHING));
      }
    },
  },
  {
    name: 'treats a key named __proto__ as data',
    async run({ store, key }) {
      const wicked: unknown = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}');
      const call = { type: 'tool_call', id: 'c', name: 'n', arguments: wicked } as const;
      await store.append(key(), [{ message: { role: 'assistant', content: [call] } }], {
        expectedVersion: 0,
        turnId: 't',
        metadata: { wicked },
      });
      const state = await store.load(key());
      const [message] = state?.messages ?? [];
      assert.equal(JSON.stringify([message?.content, state?.metadata]), JSON.stringify([[call], { wicked }]));
      assert.equal(Reflect.get({}, 'polluted'), undefined);
    },
  },
  {
    name: 'preserves lone surrogates of a text that was cut inside a character',
    async run({ store, key }) {
      await store.append(key(), entries('cut \ud83d', '\ude00 off'), { expectedVersion: 0, turnId: 't' });
      assert.deepEqual(contentsOf(await store.load(key())), ['cut \ud83d', '\ude00 off']);
    },
  },
  {
    name: 'stores megabytes in messages and in metadata',
    async run({ store, key }) {
      const long = '🐙 é\n'.repeat(MEGABYTE / 8);
      assert.equal(
        await store.append(key(), entries(long, long), {
          expectedVersion: 0,
          turnId: 't',
          metadata: { long },
        }),
        1,
      );
      await store.append(key(), entries('short'), { expectedVersion: 1, turnId: 't2' });
      const state = await store.load(key());
      assert.ok(state?.messages[0]?.content === long && state.messages[1]?.content === long);
      assert.ok(state.metadata['long'] === long);
      assert.deepEqual(contentsOf(await store.load(key(), { last: 1 })), ['short']);
    },
  },
];
