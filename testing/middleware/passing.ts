import assert from 'node:assert/strict';

import type { ExecutionResult, Middleware, ModelRequest } from '../../src/index.ts';
import { settled } from '../contract.ts';
import { manualGate } from '../manual-gate.ts';
import type { MiddlewareCase } from './contract.ts';
import { stageOf, summaryOf } from './stage.ts';
import type { ScriptedReply } from '../scripted-reply.ts';

const WORDS = ['Rivers', ' run', ' ', 'down', ' to the sea.\n'];

/** How many chunks may be read ahead of the reader: twice the pipeline's buffer. */
const READ_AHEAD = 20;

/** Cases about what passes through a middleware. */
export const passingCases: readonly MiddlewareCase[] = [
  {
    name: 'has a name for errors, traces and logs',
    async run({ make }) {
      assert.notEqual(
        make().name,
        '',
        'name the inner function: `return function audit(context, next) {...}`',
      );
    },
  },
  {
    name: 'passes on text and thinking unchanged',
    unless: ['text'],
    async run({ make, execution }) {
      const { pipeline } = stageOf(make(), { thinking: ['Hm', 'm. '], text: WORDS, batchSize: 2 });
      const lines: string[] = [];
      for await (const chunk of pipeline.executeStream('user', 'Hi', execution)) {
        if (chunk.type !== 'done') lines.push(summaryOf(chunk));
      }
      const thinking = ['Hm', 'm. '].map((content) => JSON.stringify({ type: 'thinking', content }));
      assert.deepEqual(lines, [...thinking, ...WORDS.map((word) => JSON.stringify(word))]);
    },
  },
  {
    name: 'passes on tool calls unchanged',
    unless: ['tools', 'calls'],
    async run({ make, execution }) {
      const { pipeline } = stageOf(make(), {
        toolCalls: [
          { id: 'a', name: 'look_up', arguments: { word: 'river' } },
          { id: 'b', name: 'now' },
        ],
      });
      const { response } = await pipeline.execute('user', 'Hi', execution);
      assert.deepEqual(response.toolCalls, [
        { id: 'a', name: 'look_up', arguments: { word: 'river' } },
        { id: 'b', name: 'now', arguments: {} },
      ]);
      assert.equal(response.finishReason, 'tool_calls');
    },
  },
  {
    name: 'delivers each chunk before the next one arrives',
    unless: ['pace'],
    async run({ make, execution }) {
      const pace = manualGate();
      const { pipeline, model } = stageOf(make(), { text: WORDS, gate: pace.gate });
      await using stream = pipeline.executeStream('user', 'Hi', execution);
      pace.release();
      const first = await stream.next();
      assert.equal(first.done, false);
      assert.equal(model.calls[0]?.chunks, 1);
    },
  },
  {
    name: 'does not read far ahead of its reader',
    unless: ['pace'],
    async run({ make, execution }) {
      const text = Array.from({ length: 1_000 }, () => 'drop ');
      const { pipeline, model } = stageOf(make(), { text, batchSize: 1 });
      await using stream = pipeline.executeStream('user', 'Hi', execution);
      await stream.next();
      await settled(20);
      const read = model.calls[0]?.chunks ?? 0;
      assert.ok(read <= READ_AHEAD, `${read} chunks were read ahead of a reader that read one`);
    },
  },
  {
    name: 'returns from execute() what it streams',
    async run({ make, execution }) {
      const reply: ScriptedReply = { thinking: 'Hm.', text: WORDS, batchSize: 1 };
      const { pipeline } = stageOf(make(), reply, { repeat: true });
      const stream = pipeline.executeStream('user', 'Hi', execution);
      let content = '';
      for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
      const streamed = await stream.result;
      assert.equal(content, streamed.response.content);
      const executed = await pipeline.execute('user', 'Hi', execution);
      assert.deepEqual(answerOf(executed), answerOf(streamed));
    },
  },
  {
    name: 'passes on the reply',
    unless: ['reply', 'calls'],
    async run({ make, execution }) {
      const { pipeline } = stageOf(make(), {
        text: 'Rivers run',
        finishReason: 'length',
        model: 'scripted-2',
      });
      const result = await pipeline.execute('user', 'Hi', execution);
      assert.deepEqual(
        [result.response.finishReason, result.model, result.provider],
        ['length', 'scripted-2', 'scripted'],
      );
    },
  },
  {
    name: 'does not change the usage of calls',
    unless: ['calls', 'reply'],
    async run({ make, execution }) {
      const usage = { inputTokens: 30, outputTokens: 20, cachedInputTokens: 10, reasoningTokens: 5 };
      const { pipeline, model } = stageOf(make(), { text: WORDS, usage }, { repeat: true });
      const result = await pipeline.execute('user', 'Hi', execution);
      assert.equal(model.calls.length, 1);
      assert.deepEqual(result.usage, { ...usage, cacheWriteTokens: 0, totalTokens: 50 });
    },
  },
  {
    name: 'does not change the cost of calls',
    unless: ['calls', 'cost'],
    async run({ make, execution }) {
      const { pipeline } = stageOf(make(), WORDS.join(''), { below: charge });
      const { cost } = await pipeline.execute('user', 'Hi', execution);
      assert.deepEqual(cost, { status: 'exact', totalUsd: 0.25 });
    },
  },
  {
    name: 'passes on the request unchanged',
    unless: ['request', 'calls'],
    async run({ make, execution }) {
      const { pipeline, model } = stageOf(make(), 'Rivers run', {});
      const tools = [{ name: 'now', parameters: { type: 'object' } }];
      await pipeline.execute('user', 'Hi', {
        ...execution,
        model: 'm',
        tools,
        parameters: { temperature: 0.5 },
      });
      const { messages, parameters, model: asked, tools: offered } = model.requests[0] ?? {};
      assert.deepEqual(
        { messages, parameters, asked, offered },
        {
          messages: [{ role: 'user', content: 'Hi' }],
          parameters: { temperature: 0.5 },
          asked: 'm',
          offered: tools,
        },
      );
    },
  },
  {
    name: 'never changes the request object',
    async run({ make, execution }) {
      const requests: { given: ModelRequest; before: ModelRequest }[] = [];
      const { pipeline } = stageOf(make(), 'Rivers run', {
        repeat: true,
        above: function keep(context, next) {
          requests.push({ given: context.request, before: structuredClone(context.request) });
          return next();
        },
      });
      await pipeline.execute('user', 'Hi', { ...execution, parameters: { stopSequences: ['END'] } });
      for (const { given, before } of requests) assert.deepEqual(given, before);
      assert.equal(requests.length, 1);
    },
  },
];

const charge: Middleware = function charge(_context, next) {
  return next().tap({
    call: (call) => ({
      end() {
        call.cost = { status: 'exact', totalUsd: 0.25 };
      },
    }),
  });
};

function answerOf({ response, usage, outcome }: ExecutionResult) {
  const { content, thinking, finishReason } = response;
  return { content, thinking, finishReason, usage, outcome };
}
