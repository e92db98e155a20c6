import { ToolLimits, tool, tools, toolsOf } from 'sluice/middleware/tools';
import type { ToolLimit, ToolsOptions } from 'sluice/middleware/tools';
import { Pipeline, isSluiceError } from 'sluice';
import type { ToolChoice } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { calling, play, resultsIn, withoutDeltas } from './stage.ts';

const named = (name: string) =>
  tool({ name, description: 'Says its name', input: z.object({}), execute: () => name });

const one = named('one');
const two = named('two');
const rounds = (options: ToolsOptions, count: number) =>
  play(tools([one, two], options), [...Array.from({ length: count }, () => calling(['one', {}])), 'Done.']);

describe('maxRounds', () => {
  test('answer: the next round offers the same tools and may not call them', async () => {
    const { model, result } = await rounds({ maxRounds: 2 }, 2);
    expect(model.requests.map(({ parameters }) => parameters.toolChoice)).toEqual([
      undefined,
      undefined,
      'none',
    ]);
    expect(model.requests.map((request) => request.tools?.length)).toEqual([2, 2, 2]);
    expect(model.requests[2]?.messages.at(-1)?.role).toBe('tool');
    expect(result?.response.content).toBe('Done.');
  });

  test('answer: a call that is made all the same is not run, and the execution ends', async () => {
    const { model, seen, result } = await rounds({ maxRounds: 1 }, 2);
    expect(model.requests).toHaveLength(2);
    expect(withoutDeltas(seen).slice(-3)).toEqual([
      'call 1_0 one',
      'error 1_0 The tool was not run, because no tool could be called in this round.',
      'done',
    ]);
    expect(result).toMatchObject({ outcome: 'completed', response: { finishReason: 'other' } });
  });

  test('interrupt: the execution ends with the results, reason max_rounds', async () => {
    const { model, seen, result } = await rounds({ maxRounds: 2, onMaxRounds: 'interrupt' }, 2);
    expect(model.requests).toHaveLength(2);
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'max_rounds' });
    expect(withoutDeltas(seen)).toContain('result 1_0 one');
    expect(result?.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
      'tool',
    ]);
  });

  test('fail: the execution fails with a tool error', async () => {
    const { model, error } = await rounds({ maxRounds: 2, onMaxRounds: 'fail' }, 2);
    expect(model.requests).toHaveLength(2);
    expect(error).toMatchObject({ code: 'tool', retryable: false });
  });
});

test('maxCalls counts all rounds; the calls above it are not run', async () => {
  const { sent } = await play(tools([one], { maxCalls: 3 }), [
    calling(['one', {}], ['one', {}]),
    calling(['one', {}], ['one', {}]),
    'Done.',
  ]);
  expect(resultsIn(sent[2]).slice(2)).toEqual([
    'ok 1_0 one',
    'error 1_1 The tool was not run, because no more than 3 calls may be run.',
  ]);
});

test('maxResultCharacters leaves out the middle, and never half a character', async () => {
  const long = tool({
    name: 'long',
    description: 'Long',
    input: z.object({}),
    execute: () => 'ab😀😀😀😀cd',
  });
  const { sent } = await play(tools([long], { maxResultCharacters: 6 }), [calling(['long', {}]), 'Done.']);
  expect(resultsIn(sent[1])).toEqual(['ok 0_0 ab\n(8 characters left out)\ncd']);
});

describe('toolChoice', () => {
  test.each<[string, ToolsOptions, ToolChoice | undefined, (ToolChoice | undefined)[]]>([
    [
      'of the options holds for the first round',
      { toolChoice: 'required' },
      undefined,
      ['required', undefined],
    ],
    ['that the request forces holds for one round', {}, { name: 'one' }, [{ name: 'one' }, undefined]],
    ['auto stays', {}, 'auto', ['auto', 'auto']],
  ])('%s', async (_name, options, toolChoice, expected) => {
    const { model } = await play(tools([one], options), [calling(['one', {}]), 'Done.'], {
      parameters: { temperature: 0.5, ...(toolChoice !== undefined && { toolChoice }) },
    });
    expect(model.requests.map(({ parameters }) => parameters.toolChoice)).toEqual(expected);
    expect(model.requests.map(({ parameters }) => parameters.temperature)).toEqual([0.5, 0.5]);
  });

  test('none: a call is not run', async () => {
    const { seen } = await play(tools([one]), [calling(['one', {}])], { parameters: { toolChoice: 'none' } });
    expect(withoutDeltas(seen)[1]).toMatch(/^error 0_0 The tool was not run/);
  });
});

describe('active', () => {
  test('offers a subset per round, and a call of another tool is unknown', async () => {
    const active = (_context: unknown, { round }: { round: number }) =>
      round === 0 ? ['two', 'one'] : ['two'];
    const { model, sent } = await play(tools([one, two], { active }), [
      calling(['one', {}]),
      calling(['one', {}]),
      'Done.',
    ]);
    expect(model.requests.map((request) => request.tools?.map(({ name }) => name))).toEqual([
      ['one', 'two'],
      ['two'],
      ['two'],
    ]);
    expect(resultsIn(sent[2])).toEqual([
      'ok 0_0 one',
      'error 1_0 There is no tool "one". These can be called: two.',
    ]);
  });

  test('an unknown name is an error', async () => {
    const { error } = await play(tools([one], { active: () => ['three'] }), []);
    expect(error).toMatchObject({
      code: 'invalid_options',
      message: 'tools(): active named "three", which is not in the list.',
    });
  });
});

test('stopWhen ends after the results', async () => {
  const { model, seen, result } = await play(
    tools([one, two], { stopWhen: ({ calls }) => calls.some(({ call }) => call.name === 'two') }),
    [calling(['one', {}]), calling(['two', {}])],
  );
  expect(model.requests).toHaveLength(2);
  expect(withoutDeltas(seen).slice(-2)).toEqual(['result 1_0 two', 'done']);
  expect(result).toMatchObject({ outcome: 'completed', response: { finishReason: 'tool_calls' } });
});

describe('a paused reply', () => {
  const paused = { text: 'Searching. ', finishReason: 'pause' } as const;

  test('is sent back as it is', async () => {
    const { sent, seen, result } = await play(tools([one]), [paused, 'Found.']);
    expect(seen).toEqual(['Searching. ', 'Found.', 'done']);
    expect(sent[1]?.at(-1)).toEqual({ role: 'assistant', content: 'Searching. ' });
    expect(result?.response.content).toBe('Searching. Found.');
  });

  test('at most ten times in a row', async () => {
    const { model, result } = await play(
      tools([one], { maxRounds: 50 }),
      Array.from({ length: 20 }, () => paused),
    );
    expect(model.requests).toHaveLength(11);
    expect(result?.response.finishReason).toBe('pause');
  });

  test('counts as a round', async () => {
    const { model } = await play(tools([one], { maxRounds: 2 }), [paused, calling(['one', {}]), 'Done.']);
    expect(model.requests.map(({ parameters }) => parameters.toolChoice)).toEqual([
      undefined,
      undefined,
      'none',
    ]);
  });
});

describe('limits of one execution', () => {
  const limited = (limit: ToolLimit, count: number) =>
    play(
      tools([one], { maxRounds: 2 }),
      [...Array.from({ length: count }, () => calling(['one', {}])), 'Done.'],
      { values: [ToolLimits.with(limit)] },
    );
  const choices = ({ model }: Awaited<ReturnType<typeof play>>) =>
    model.requests.map(({ parameters }) => parameters.toolChoice);

  test('lower the number of rounds', async () => {
    expect(choices(await limited({ maxRounds: 1 }, 1))).toEqual([undefined, 'none']);
  });

  test('never raise it', async () => {
    expect(choices(await limited({ maxRounds: 9 }, 2))).toEqual([undefined, undefined, 'none']);
  });

  test('leave the own tools out', async () => {
    const { model } = await limited({ ownTools: false }, 0);
    expect(model.requests.map((request) => request.tools)).toEqual([[]]);
  });
});

test('the tools of a pipeline are told by its middleware', () => {
  const pipeline = new Pipeline([tools([one, two]), provider(scripted('Hi'))]);
  expect([...toolsOf(pipeline.middleware).keys()]).toEqual(['one', 'two']);
});

test('calls that the provider has run are left alone', async () => {
  const hosted = {
    type: 'tool_call',
    id: 'srv_1',
    name: 'search',
    arguments: {},
    providerExecuted: true,
  } as const;
  const found = {
    type: 'tool_result',
    id: 'srv_1',
    name: 'search',
    content: 'x',
    isError: false,
    providerExecuted: true,
  } as const;
  const { chunks, model } = await play(tools([one]), [
    { chunks: [hosted, found, { type: 'content', content: 'Ok' }], finishReason: 'stop' },
  ]);
  expect(chunks.map((chunk) => ('id' in chunk ? chunk.id : chunk.type))).toEqual([
    'srv_1',
    'srv_1',
    'content',
    'done',
  ]);
  expect(model.requests).toHaveLength(1);
});

describe('approvals of a caller that cannot decide', () => {
  const risky = tool({
    name: 'risky',
    description: 'Needs somebody to allow it',
    input: z.object({}),
    needsApproval: true,
    execute: () => 'ran',
  });

  test('deny: the call is not run, the model is told why, and the result has a warning', async () => {
    const model = scripted([calling(['risky', {}], ['one', {}]), 'Then not.']);
    const pipeline = new Pipeline([tools([risky, one]), provider(model)]);
    const values = [ToolLimits.with({ approvals: 'deny' })];
    const result = await pipeline.execute('user', 'Do it', { values });
    expect(resultsIn(model.requests[1]?.messages)).toEqual([
      'ok 0_0 The call was denied, and the tool was not run. Nobody can approve it here.',
      'ok 0_1 one',
    ]);
    expect(result.outcome).toBe('completed');
    expect(result.warnings).toEqual([
      'tools(): a call of risky was denied, because nobody can approve it here.',
    ]);
  });

  test('wait: it needs a session, unless none of these tools is offered', async () => {
    const run = (limit: ToolLimit) =>
      new Pipeline([tools([risky]), provider(scripted('Hi.'))])
        .execute('user', 'Do it', { values: [ToolLimits.with(limit)] })
        .then(
          ({ outcome }) => outcome,
          (error: unknown) => (isSluiceError(error) ? error.code : error),
        );
    expect(await run({})).toBe('invalid_options');
    expect(await run({ approvals: 'wait' })).toBe('invalid_options');
    expect(await run({ ownTools: false })).toBe('completed');
  });
});
