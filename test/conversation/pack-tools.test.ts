import { openConversation } from 'sluice/conversation';
import type { PackToolBinding } from 'sluice/conversation';
import { tool } from 'sluice/middleware/tools';
import type { ToolRun } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { refusal } from '../cases/refusal.ts';
import { calling, resultsIn } from '../middleware/tools/stage.ts';
import { pack } from './packs.ts';
import type { Json } from './packs.ts';

const LOOKUP = {
  name: 'lookup',
  description: 'Looks up an order',
  parameters: {
    type: 'object',
    properties: { order: { type: 'string', description: 'Its number' } },
    required: ['order'],
  },
};

/** A conversation whose prompt has the tool `lookup`. */
function opened(
  given: { prompt?: Json; declared?: Json; tools?: Record<string, unknown>; answers?: ScriptedAnswer[] } = {},
) {
  const { prompt = {}, declared = { lookup: LOOKUP }, tools, answers = ['Ok.'] } = given;
  const provider = scripted(answers);
  const conversation = Reflect.apply(openConversation, undefined, [
    {
      pack: pack({ tools: ['lookup'], ...prompt }, { tools: declared }),
      prompt: 'chat',
      provider,
      ...(tools !== undefined && { tools }),
    },
  ]);
  return { provider, conversation };
}

const lookup = ({ order }: Record<string, unknown>) => `Order ${String(order)} is on its way.`;

describe('a tool of a pack', () => {
  test('runs the function that is bound to its name, with checked input', async () => {
    const runs: [unknown, ToolRun][] = [];
    const { provider, conversation } = opened({
      tools: {
        lookup: (input: Record<string, unknown>, run: ToolRun) => {
          runs.push([input, run]);
          return lookup(input);
        },
      },
      answers: [calling(['lookup', { order: '7' }], ['lookup', { order: 7 }]), 'It is on its way.'],
    });
    const { response, warnings } = await conversation.send('Where is order 7?');
    expect(response.content).toBe('It is on its way.');
    expect(warnings).toEqual([]);
    expect(provider.requests[0]?.tools).toEqual([
      { name: 'lookup', description: 'Looks up an order', parameters: LOOKUP.parameters },
    ]);
    expect(runs).toMatchObject([
      [{ order: '7' }, { callId: expect.any(String), idempotencyKey: expect.any(String) }],
    ]);
    const [right, wrong] = resultsIn(provider.requests[1]?.messages);
    expect(right).toBe('ok 0_0 Order 7 is on its way.');
    expect(wrong).toMatch(/^error 0_1 The arguments are wrong: order: /);
  });

  test('without parameters takes an empty object', async () => {
    const { provider, conversation } = opened({
      declared: { now: { name: 'now', description: 'The time' } },
      prompt: { tools: ['now'] },
      tools: { now: () => 'noon' },
      answers: [calling(['now', {}]), 'Ok.'],
    });
    await conversation.send('x');
    expect(provider.requests[0]?.tools).toEqual([
      { name: 'now', description: 'The time', parameters: { type: 'object', properties: {} } },
    ]);
    expect(resultsIn(provider.requests[1]?.messages)).toEqual(['ok 0_0 noon']);
  });

  test('may be a whole tool, with its own schema and description', async () => {
    const own = tool({
      name: 'lookup',
      description: 'Looks it up in the new system',
      input: z.object({ order: z.coerce.number() }),
      execute: ({ order }) => order + 1,
    });
    const { provider, conversation } = opened({
      declared: {},
      tools: { lookup: own },
      answers: [calling(['lookup', { order: '7' }]), 'Ok.'],
    });
    await conversation.send('x');
    expect(provider.requests[0]?.tools).toMatchObject([{ description: 'Looks it up in the new system' }]);
    expect(resultsIn(provider.requests[1]?.messages)).toEqual(['ok 0_0 8']);
  });

  test('is offered in a fork, too', async () => {
    const { provider, conversation } = opened({ tools: { lookup }, answers: ['a', 'b'] });
    await conversation.send('x');
    await (await conversation.fork()).send('y');
    expect(provider.requests.map(({ tools }) => tools?.length)).toEqual([1, 1]);
  });

  test('that the prompt does not list is not offered, though the pack has it', async () => {
    const { provider, conversation } = opened({ prompt: { tools: [] }, tools: { lookup } });
    await conversation.send('x');
    expect(provider.requests[0]?.tools).toBeUndefined();
  });

  test('has types', () => {
    const binding: PackToolBinding = (input, { signal }) => [input['order'], signal.aborted];
    expect(binding).toBeTypeOf('function');
  });
});

describe('opening fails', () => {
  test.each<[string, Parameters<typeof opened>[0], string]>([
    [
      'without a function for a tool',
      {},
      'the prompt chat has tools without a function (lookup): give a function for each in tools, such as { tools: { lookup: async (input) => ... } }',
    ],
    [
      'without functions for two tools',
      { prompt: { tools: ['lookup', 'cancel', 'refund'] }, tools: { cancel: lookup } },
      'the prompt chat has tools without a function (lookup, refund): give a function for each in tools, such as { tools: { lookup: async (input) => ... } }',
    ],
    [
      'for a name that the pack does not have',
      { tools: { lookup, lokup: lookup } },
      'tools has lokup, which the pack does not have. Its tools are: lookup',
    ],
    [
      'for a name without a pack that has tools',
      { prompt: { tools: undefined }, declared: {}, tools: { lookup } },
      'tools has lookup, which the pack does not have. Its tools are: none',
    ],
    [
      'for what is not a function',
      { tools: { lookup: 'https://example.com' } },
      'tools.lookup is a string: give a function, or a tool made with tool()',
    ],
    [
      'for a name of every object',
      { prompt: { tools: ['toString'] }, declared: {}, tools: {} },
      'the prompt chat has tools without a function (toString): give a function for each in tools, such as { tools: { lookup: async (input) => ... } }',
    ],
    [
      'for a function of a tool that the pack does not declare',
      { declared: {}, tools: { lookup } },
      'the pack does not declare the tool lookup: give a tool made with tool(), which has a schema',
    ],
    [
      'for a tool under another key',
      { declared: { lookup: { ...LOOKUP, name: 'look_up' } }, tools: { lookup } },
      'the pack has the tool look_up under the key lookup: give both the same name',
    ],
    [
      'for a whole tool with another name',
      {
        tools: {
          lookup: tool({ name: 'find', description: 'Finds', input: z.object({}), execute: () => 1 }),
        },
      },
      'tools.lookup is a tool with the name find: give one with the name lookup',
    ],
  ])('%s', async (_what, given, why) => {
    expect(await refusal(() => opened(given))).toBe(`invalid_options: openConversation(): ${why}.`);
  });

  test('for a schema that cannot be sent, with its place', async () => {
    const declared = {
      lookup: {
        ...LOOKUP,
        parameters: { type: 'object', properties: { order: { $ref: 'https://example.com/a' } } },
      },
    };
    expect(await refusal(() => opened({ declared, tools: { lookup } }))).toBe(
      'invalid_options: The tool lookup: input: properties.order.$ref of its JSON Schema refers to another document, which no provider loads.',
    );
  });

  test('for tools with a pipeline of the caller', async () => {
    const pipeline = { executeStreamWithContext: () => undefined };
    const open = () => Reflect.apply(openConversation, undefined, [{ pipeline, tools: { lookup } }]);
    expect(await refusal(open)).toContain('tools is not an option');
  });
});

describe('the policy of the tools', () => {
  const again = calling(['lookup', { order: '1' }]);

  test('says how many rounds there are', async () => {
    const { provider, conversation } = opened({
      prompt: { tool_policy: { max_rounds: 2 } },
      tools: { lookup },
      answers: [again, again, 'Enough.'],
    });
    expect((await conversation.send('x')).response.content).toBe('Enough.');
    expect(provider.requests.map(({ parameters }) => parameters.toolChoice)).toEqual([
      undefined,
      undefined,
      'none',
    ]);
  });

  test('says how many calls are run', async () => {
    const { provider, conversation } = opened({
      prompt: { tool_policy: { max_tool_calls_per_turn: 1 } },
      tools: { lookup },
      answers: [calling(['lookup', { order: '1' }], ['lookup', { order: '2' }]), 'Ok.'],
    });
    await conversation.send('x');
    expect(resultsIn(provider.requests[1]?.messages)).toEqual([
      'ok 0_0 Order 1 is on its way.',
      expect.stringMatching(/^error 0_1 The tool was not run, because/),
    ]);
  });

  test.each([
    ['required', ['required', undefined]],
    ['none', ['none']],
    ['auto', [undefined, undefined]],
  ] as const)('says what the model has to choose: %s', async (tool_choice, sent) => {
    const { provider, conversation } = opened({
      prompt: { tool_policy: { tool_choice } },
      tools: { lookup },
      answers: tool_choice === 'none' ? ['Ok.'] : [again, 'Ok.'],
    });
    await conversation.send('x');
    expect(provider.requests.map(({ parameters }) => parameters.toolChoice)).toEqual(sent);
  });

  test('is overridden by the choice of a call', async () => {
    const { provider, conversation } = opened({
      prompt: { tool_policy: { tool_choice: 'required' } },
      tools: { lookup },
    });
    await conversation.send('x', { parameters: { toolChoice: 'none' } });
    expect(provider.requests[0]?.parameters.toolChoice).toBe('none');
  });

  test('blocks tools, which need no function', async () => {
    const { provider, conversation } = opened({
      prompt: { tools: ['lookup', 'refund'], tool_policy: { blocklist: ['refund'] } },
      declared: { lookup: LOOKUP, refund: { ...LOOKUP, name: 'refund' } },
      tools: { lookup },
    });
    await conversation.send('x');
    expect(provider.requests[0]?.tools?.map(({ name }) => name)).toEqual(['lookup']);
  });

  test('is not sent if no tool is left', async () => {
    const { provider, conversation } = opened({
      prompt: { tool_policy: { tool_choice: 'required', blocklist: ['lookup'] } },
    });
    await conversation.send('x');
    expect(provider.requests[0]?.parameters).toEqual({});
    expect(provider.requests[0]?.tools).toBeUndefined();
  });
});
