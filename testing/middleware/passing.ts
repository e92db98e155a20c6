import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import type { ExecutionResult, Middleware, ModelRequest } from '../../src/index.ts';
import { settled } from '../contract.ts';
import { manualGate } from '../manual-gate.ts';
import type { MiddlewareCase } from './contract.ts';
import { Stage, summaryOf } from './stage.ts';

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
    async run(subject) {
      const stage = new Stage(subject, { thinking: ['Hm', 'm. '], text: WORDS, batchSize: 2 });
      const lines: string[] = [];
      async function readAll(): Promise<void> {
        for await (const chunk of stage.stream()) if (chunk.type !== 'done') lines.push(summaryOf(chunk));
      }
      await subject.until('the stream ends', readAll());
      const thinking = ['Hm', 'm. '].map((content) => JSON.stringify({ type: 'thinking', content }));
      assert.deepEqual(lines, [...thinking, ...WORDS.map((word) => JSON.stringify(word))]);
    },
  },
  {
    name: 'passes on tool calls unchanged',
    unless: ['tools'],
    async run(subject) {
      const stage = new Stage(subject, {
        toolCalls: [
          { id: 'a', name: 'look_up', arguments: { word: 'river' } },
          { id: 'b', name: 'now' },
        ],
      });
      const { response } = await stage.execute();
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
    async run(subject) {
      const pace = manualGate();
      const stage = new Stage(subject, { text: WORDS, gate: pace.gate });
      const stream = stage.stream();
      const read = stream.next().then(({ done }) => ({ done, arrived: stage.model.calls[0]?.chunks }));
      await stage.called(stream.result);
      pace.release();
      // A middleware that holds it back gets more chunks after a while, so that the case can say so.
      await Promise.race([read, pause(subject.timeoutMs / 2, undefined, { ref: false })]);
      pace.open();
      const { done, arrived } = await subject.until('the first chunk arrives', read);
      assert.equal(done, false);
      assert.equal(arrived, 1, `The first chunk was delivered after ${arrived} had arrived.`);
      await stage.close(stream);
    },
  },
  {
    name: 'does not read far ahead of its reader',
    unless: ['pace'],
    async run(subject) {
      const text = Array.from({ length: 1_000 }, () => 'drop ');
      const stage = new Stage(subject, { text, batchSize: 1 });
      const stream = stage.stream();
      await subject.until('the first chunk arrives', stream.next());
      await settled(20);
      const read = stage.model.calls[0]?.chunks ?? 0;
      assert.ok(read <= READ_AHEAD, `${read} chunks were read ahead of a reader that read one`);
      await stage.close(stream);
    },
  },
  {
    name: 'returns from execute() what it streams',
    async run(subject) {
      const stage = new Stage(subject, { thinking: 'Hm.', text: WORDS, batchSize: 1 });
      const stream = stage.stream();
      async function readAll(): Promise<string> {
        let content = '';
        for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
        return content;
      }
      const content = await subject.until('the stream ends', readAll());
      const streamed = await stream.result;
      assert.equal(content, streamed.response.content);
      assert.deepEqual(answerOf(await stage.execute()), answerOf(streamed));
    },
  },
  {
    name: 'passes on the reply',
    unless: ['reply'],
    async run(subject) {
      const stage = new Stage(subject, { text: 'Rivers run', finishReason: 'length', model: 'scripted-2' });
      const result = await stage.execute();
      assert.deepEqual(
        [result.response.finishReason, result.model, result.provider],
        ['length', 'scripted-2', 'scripted'],
      );
    },
  },
  {
    name: 'does not change the usage of calls',
    unless: ['calls', 'reply'],
    async run(subject) {
      const usage = { inputTokens: 30, outputTokens: 20, cachedInputTokens: 10, reasoningTokens: 5 };
      const stage = new Stage(subject, { text: WORDS, usage });
      const result = await stage.execute();
      assert.equal(stage.model.calls.length, 1);
      assert.deepEqual(result.usage, { ...usage, cacheWriteTokens: 0, totalTokens: 50 });
    },
  },
  {
    name: 'does not change the cost of calls',
    unless: ['calls', 'cost'],
    async run(subject) {
      const { cost } = await new Stage(subject, WORDS.join(''), { below: charge }).execute();
      assert.deepEqual(cost, { status: 'exact', totalUsd: 0.25 });
    },
  },
  {
    name: 'passes on the request unchanged',
    unless: ['request'],
    async run(subject) {
      const stage = new Stage(subject, 'Rivers run');
      const tools = [{ name: 'now', parameters: { type: 'object' } }];
      await stage.execute('Hi', { model: 'm', tools, parameters: { temperature: 0.5 } });
      const { messages, parameters, model: asked, tools: offered } = stage.model.requests[0] ?? {};
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
    async run(subject) {
      const requests: { given: ModelRequest; before: ModelRequest }[] = [];
      const above: Middleware = function keep(context, next) {
        requests.push({ given: context.request, before: structuredClone(context.request) });
        return next();
      };
      const stage = new Stage(subject, 'Rivers run', { above });
      await stage.execute('Hi', { parameters: { stopSequences: ['END'] } });
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

function answerOf({ response, outcome }: ExecutionResult) {
  const { content, thinking, finishReason } = response;
  return { content, thinking, finishReason, outcome };
}
