import assert from 'node:assert/strict';

import { isSluiceError, Pipeline } from '../../src/index.ts';
import type { Message, ToolResultPart, Usage } from '../../src/index.ts';
import { directCall, modelCall } from '../model-call.ts';
import type { ProviderCase } from './contract.ts';
import { failing, SAID, tell, TOOL } from './stage.ts';

const COUNTS = [
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
] as const;

/** Cases about the answers of a provider. */
export const answerCases: readonly ProviderCase[] = [
  {
    name: 'streams text in pieces and ends with a reply',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        const { chunks, content, reply } = await tell(provider, request);
        assert.ok(chunks.length > 1, 'all of the text came as one chunk');
        assert.deepEqual([...new Set(chunks.map(({ type }) => type))], ['content']);
        assert.notEqual(content.trim(), '');
        if (server !== undefined) assert.equal(content, SAID.text.content);
        assert.equal(reply.finishReason, 'stop');
      }),
  },
  {
    name: 'names the provider and the model in the reply',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request }) => {
        const { reply } = await tell(provider, request);
        assert.equal(reply.provider, provider.name);
        assert.ok(reply.model !== undefined && reply.model !== '', 'the reply names no model');
      }),
  },
  {
    name: 'reports the usage on the reply and on the call',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        const { reply, call } = await tell(provider, request);
        const usage = checkedUsage(reply.usage);
        assert.deepEqual(countsOf(checkedUsage(call.call.usage)), countsOf(usage));
        if (server === undefined) return;
        assert.deepEqual(countsOf(usage), [40, 9, 49, 10, 0, 0]);
      }),
  },
  {
    name: 'answers a conversation with a system message',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        const messages: Message[] = [
          { role: 'system', content: 'Answer as a geographer.' },
          { role: 'user', content: 'Name a river.' },
          { role: 'assistant', content: [{ type: 'text', text: 'The Danube.' }] },
          ...request.messages,
        ];
        const { content, call } = await tell(provider, { ...request, messages });
        assert.notEqual(content, '');
        assert.deepEqual(call.warnings, []);
        for (const text of ['Answer as a geographer.', 'Name a river.', 'The Danube.']) {
          if (server !== undefined)
            assert.ok(server.requests[0]?.rawBody.includes(text), `${text} was not sent`);
        }
      }),
  },
  {
    name: 'calls a tool and answers once it has the result',
    scene: 'tool',
    run: (subject) =>
      subject.onStage('tool', async ({ provider, request, server, answers }) => {
        const { chunks, reply } = await tell(provider, request);
        const deltas = chunks.filter((chunk) => chunk.type === 'tool_call_delta');
        const calls = chunks.filter((chunk) => chunk.type === 'tool_call');
        const [call] = calls;
        assert.ok(call !== undefined && calls.length === 1, `expected 1 tool call, got ${calls.length}`);
        assert.equal(call.name, TOOL.name);
        assert.deepEqual(
          JSON.parse(deltas.map(({ argumentsDelta }) => argumentsDelta).join('')),
          call.arguments,
        );
        assert.deepEqual([...new Set(deltas.map(({ id }) => id))], [call.id]);
        assert.equal(deltas[0]?.name, TOOL.name);
        assert.equal(chunks.at(-1), call, 'the finished call does not follow its deltas');
        assert.equal(reply.finishReason, 'tool_calls');
        if (server !== undefined) assert.deepEqual(call.arguments, { expression: '17 + 25' });

        const { id, name } = call;
        const result: ToolResultPart = { type: 'tool_result', id, name, content: 'forty-two' };
        const messages: Message[] = [
          ...request.messages,
          { role: 'assistant', content: [{ type: 'tool_call', id, name, arguments: call.arguments }] },
          { role: 'tool', content: [result] },
        ];
        if (answers !== undefined) server?.always({ stream: answers.stream(SAID.text) });
        const { content } = await tell(provider, { ...request, messages });
        assert.notEqual(content, '');
        if (server === undefined) return;
        const body = server.requests.at(-1)?.rawBody ?? '';
        for (const sent of [id, name, 'forty-two'])
          assert.ok(body.includes(sent), `${sent} was not sent back`);
      }),
  },
  {
    name: 'thinks before it answers, and gets its thinking back word for word',
    scene: 'thinking',
    run: (subject) =>
      subject.onStage('thinking', async ({ provider, request, server }) => {
        const { chunks, thinking, content } = await tell(provider, request);
        const types = chunks.map(({ type }) => type);
        assert.ok(thinking.length > 0, 'got no thinking');
        assert.ok(
          types.lastIndexOf('thinking') < types.indexOf('content'),
          `the order is ${types.join(', ')}`,
        );
        if (server === undefined) return;
        assert.deepEqual([thinking, content], [SAID.thinking.thinking, SAID.thinking.content]);

        const pipeline = new Pipeline([modelCall(provider)]);
        const options = { parameters: request.parameters };
        const first = await pipeline.executeWithContext('contract', 'user', 'Calculate.', options);
        await pipeline.executeWithContext('contract', 'user', 'And now?', options);
        const body = server.requests.at(-1)?.rawBody ?? '';
        for (const part of first.response.parts) {
          if (part.type !== 'thinking' || part.block === undefined) continue;
          for (const text of stringsIn(part.block.data)) {
            assert.ok(body.includes(JSON.stringify(text)), `${text} of the block was not sent back`);
          }
        }
      }),
  },
  {
    name: 'gives the same answer in a pipeline as on its own',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request }) => {
        const { content, reply } = await tell(provider, request);
        const { response, usage, ...result } = await new Pipeline([modelCall(provider)]).execute(
          [...request.messages],
          {
            parameters: request.parameters,
          },
        );
        assert.deepEqual(
          [response.content, response.finishReason, result.model, result.provider, countsOf(usage)],
          [content, reply.finishReason, reply.model, provider.name, countsOf(checkedUsage(reply.usage))],
        );
      }),
  },
  {
    name: 'warns about an unsupported parameter, and refuses it with strict',
    needsUnsupported: true,
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        const parameters = { ...request.parameters, ...subject.unsupported };
        const { call, content } = await tell(provider, { ...request, parameters });
        assert.notEqual(call.warnings.length, 0, 'got no warning');
        assert.notEqual(content, '');
        const sent = server?.requests.length;
        const strict = { ...request, parameters: { ...parameters, strict: true } };
        const { error } = await failing(provider.stream(strict, directCall(strict)));
        assert.equal(error.code, 'invalid_request');
        assert.equal(server?.requests.length, sent, 'a refused request was sent');
      }),
  },
  {
    name: 'never changes the request',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request }) => {
        const before = structuredClone(request);
        await tell(provider, frozen(request)).catch(function onThrow(error: unknown) {
          throw isSluiceError(error)
            ? new Error('the provider wrote to the request', { cause: error })
            : error;
        });
        assert.deepEqual(request, before);
      }),
  },
];

/** Returns a usage after checking that its counts are valid. */
function checkedUsage(usage: Usage | undefined): Usage {
  assert.ok(usage !== undefined, 'no usage is reported');
  for (const name of COUNTS) {
    assert.ok(Number.isInteger(usage[name]) && usage[name] >= 0, `${name} is ${usage[name]}`);
  }
  assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
  assert.ok(
    usage.cachedInputTokens + usage.cacheWriteTokens <= usage.inputTokens,
    'more cached tokens than input tokens',
  );
  assert.ok(usage.reasoningTokens <= usage.outputTokens, 'more reasoning tokens than output tokens');
  return usage;
}

function countsOf(usage: Usage): number[] {
  return COUNTS.map((name) => usage[name]);
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
