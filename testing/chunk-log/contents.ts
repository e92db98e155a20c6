import assert from 'node:assert/strict';

import type { SentChunk, SentEnd } from '../../server/chunk-log.ts';
import type { LogCase } from './contract.ts';
import { chunksAfter, own, pageOf, refused, startOf, texts, textOf, LONG_MS } from './stage.ts';

const block = { provider: 'anthropic', model: 'm', data: { signature: 'a\u0000b', n: 1.5e300 } };

/** One chunk of every kind, and of every field. */
const everything: readonly SentChunk[] = [
  { type: 'content', content: 'plain', call: 1, index: 0, turnId: 'turn' },
  { type: 'content', content: '', call: 1, index: 1 },
  { type: 'content', content: 'no', refusal: true, citations: [{ at: 0 }, null], block, call: 1, index: 2 },
  { type: 'content', content: '"\\\n\u0000\u2028 😀 è \u007f', replayed: true, call: 2, index: 3 },
  { type: 'thinking', content: 'hm', call: 2, index: 4 },
  { type: 'thinking', content: '', block, call: 2, index: 5 },
  { type: 'tool_call_delta', id: 'c', name: 'add', argumentsDelta: '{"a', call: 2, index: 6 },
  { type: 'tool_call', id: 'c', name: 'add', arguments: { a: [1, { b: null }] }, call: 2, index: 7 },
  { type: 'tool_call', id: 'd', name: 'x', arguments: '', providerExecuted: true, block, call: 2, index: 8 },
  { type: 'tool_progress', id: 'c', name: 'add', data: { done: 0.25 }, call: 2, index: 9 },
  {
    ...{ type: 'tool_result', id: 'c', name: 'add', content: '3', isError: false, call: 2, index: 10 },
    parts: [{ type: 'text', text: '3' }],
  },
  { type: 'file', mediaType: 'image/png', data: 'AAAA', call: 2, index: 11 },
  { type: 'file', mediaType: 'image/png', url: 'https://example.com/a.png', id: 'f', call: 2, index: 12 },
  { type: 'reset', from: 1, calls: [1, 2], reason: 'anew', call: 3, index: 13 },
  { type: 'content', content: '__proto__', call: 3, index: 14 },
];

/** How a stream may end, with every field. */
const ends: readonly SentEnd[] = [
  {
    outcome: 'completed',
    finishReason: 'tool_calls',
    usage: {
      ...{ inputTokens: 1, outputTokens: 2, totalTokens: 3 },
      ...{ cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0, estimated: true },
    },
    cost: { status: 'exact', totalUsd: 0.1 + 0.2 },
    ...{ model: 'm', provider: 'p', latencyMs: 12.5, timeToFirstChunkMs: 3, warnings: ['é'], by: 'owner' },
  },
  { outcome: 'interrupted', reason: 'a "guard"', replayed: true },
  { outcome: 'cancelled', reason: 'stopped' },
  {
    outcome: 'failed',
    error: { code: 'rate_limited', message: 'Later.', retryable: true, retryAfterMs: 5, status: 429 },
  },
];

const LARGE = 'x'.repeat(300_000);

/** What is given comes back unchanged. */
export const contentCases: readonly LogCase[] = [
  {
    name: 'gives back every kind of chunk as it was, appended together and each by itself',
    async run({ log, other, key }) {
      const together = await own(log, key('together'));
      await log.append(together.held, 0, everything);
      assert.deepEqual(await chunksAfter(other, key('together'), 0), everything);
      const single = await own(log, key('single'));
      for (const chunk of everything) await log.append(single.held, chunk.index, [chunk]);
      assert.deepEqual(await chunksAfter(other, key('single'), 0, 3), everything);
    },
  },
  {
    name: 'gives back every kind of end as it was',
    async run({ log, other, key }) {
      for (const [at, end] of ends.entries()) {
        const { held } = await own(log, key(`turn ${at}`));
        await log.append(held, 0, [], end);
        assert.deepEqual((await pageOf(other, key(`turn ${at}`))).end, end);
        assert.deepEqual(
          await other.open(key(`turn ${at}`), startOf(key(`turn ${at}`)), { leaseMs: LONG_MS }),
          {
            as: 'ended',
            end,
          },
        );
      }
    },
  },
  {
    name: 'keeps large chunks and large appends',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      await log.append(held, 0, texts(0, LARGE, LARGE));
      const many = Array.from({ length: 3_000 }, (_, at) => `${at} `);
      await log.append(held, 2, texts(2, ...many));
      assert.deepEqual(await textOf(other, key()), [LARGE, LARGE, ...many]);
      assert.deepEqual(await textOf(other, key(), 3_000), many.slice(2_998));
    },
  },
  {
    name: 'keeps streams apart whose owner and id look alike, whatever characters they have',
    async run({ log, other, owner, stranger }) {
      const parts = [
        '',
        'a',
        'a:b',
        ':',
        '{a}',
        '}{',
        '%7Ba%7D',
        "'; DROP TABLE x --",
        '\\',
        'é 😀',
        'a\n',
        'A',
      ];
      const owners = [owner, stranger];
      const keys = owners.flatMap((one) => parts.map((id) => ({ owner: one, id: `id${id}` })));
      const odd = parts.map((part) => ({ owner: `${owner}${part}`, id: 'id' }));
      for (const [at, key] of [...keys, ...odd.slice(1)].entries()) {
        const { held } = await own(log, key);
        await log.append(held, 0, texts(0, `text ${at}`));
      }
      for (const [at, key] of [...keys, ...odd.slice(1)].entries())
        assert.deepEqual(await textOf(other, key), [`text ${at}`]);
      for (const { owner: one } of odd) await log.forget(one);
    },
  },
  {
    name: 'rejects keys that are not well-formed text',
    async run({ log, owner }) {
      for (const key of [
        { owner, id: 'a\ud800' },
        { owner: 'a\udc00', id: 'a' },
        { owner, id: '' },
      ]) {
        await refused(log.open(key, startOf(key), { leaseMs: LONG_MS }), 'invalid_options');
        await refused(log.read(key, { after: 0 }), 'invalid_options');
        await refused(log.stop(key, 'stopped'), 'invalid_options');
      }
    },
  },
];
