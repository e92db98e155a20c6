import { Pipeline } from 'sluice';
import type { ToolChoice } from 'sluice';
import { mockTool, tools } from 'sluice/middleware/tools';
import type { ToolsOptions } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import { at, listAt } from '../../../support/json.ts';
import { call, chat, messages, responses, weatherTool, wireStage, wires } from './stage.ts';
import type { ToolWire } from './stage.ts';

/** How each wire writes a tool choice. */
const choices = new Map<ToolWire, Record<'auto' | 'none' | 'required' | 'weather', unknown>>([
  [
    chat,
    {
      ...{ auto: 'auto', none: 'none', required: 'required' },
      weather: { type: 'function', function: { name: 'weather' } },
    },
  ],
  [
    responses,
    { auto: 'auto', none: 'none', required: 'required', weather: { type: 'function', name: 'weather' } },
  ],
  [
    messages,
    {
      ...{ auto: { type: 'auto' }, none: { type: 'none' }, required: { type: 'any' } },
      weather: { type: 'tool', name: 'weather' },
    },
  ],
]);

describe.each(wires)('rounds over $name', (wire) => {
  const choice = choices.get(wire);

  async function played(options: ToolsOptions, rounds: number, toolChoice?: ToolChoice) {
    const stage = await wireStage(wire);
    const { weather, runs } = weatherTool();
    stage.enqueue(...Array.from({ length: rounds }, () => ({ toolCalls: [call('Rome')] })), {
      text: 'Sunny.',
    });
    const pipeline = new Pipeline([tools([weather], options), stage.model]);
    const parameters = toolChoice === undefined ? {} : { toolChoice };
    const result = await pipeline.execute('user', 'Weather?', { parameters });
    const bodies = stage.server.requests.map(({ body }) => body);
    return { stage, runs, result, choices: bodies.map((body) => at(body, 'tool_choice')), bodies };
  }

  test('the last round sends the same tools, with the tool choice none and no prefill', async () => {
    const { stage, choices: sent, bodies, result } = await played({ maxRounds: 2 }, 2);
    await using _ = stage;
    expect(sent).toEqual([undefined, undefined, choice?.none]);
    for (const body of bodies) expect(at(body, 'tools')).toEqual(at(bodies[0], 'tools'));
    const last = [...listAt(bodies[2], 'messages'), ...listAt(bodies[2], 'input')].at(-1);
    expect(at(last, 'role') ?? at(last, 'type')).not.toBe('assistant');
    expect(result.response).toMatchObject({ content: 'Sunny.', finishReason: 'stop' });
  });

  test('a call that the last round makes all the same is not run, and is answered as not run', async () => {
    await using stage = await wireStage(wire);
    const { weather, runs } = weatherTool();
    const pipeline = new Pipeline([tools([weather], { maxRounds: 1 }), stage.model]);
    stage.enqueue({ toolCalls: [call('Rome')] }, { toolCalls: [call('Oslo')] }, { text: 'Hello again.' });
    const result = await pipeline.executeWithContext('s', 'user', 'Weather?');
    expect([runs, result.outcome, result.response.finishReason]).toEqual([['Rome'], 'completed', 'other']);
    const next = await pipeline.executeWithContext('s', 'user', 'Still there?');
    expect(next.warnings).toEqual([]);
    expect(wire.results(stage.body(2)).map(({ text }) => text)).toEqual([
      'sunny in Rome',
      'The tool was not run, because no tool could be called in this round.',
    ]);
  });

  test('after the last round the execution ends as onMaxRounds says', async () => {
    for (const onMaxRounds of ['interrupt', 'fail'] as const) {
      await using stage = await wireStage(wire);
      const { weather, runs } = weatherTool();
      const pipeline = new Pipeline([tools([weather], { maxRounds: 1, onMaxRounds }), stage.model]);
      stage.enqueue({ toolCalls: [call('Rome')] }, { text: 'Hello again.' });
      const ended = await pipeline
        .executeWithContext('s', 'user', 'Weather?')
        .catch((error: unknown) => error);
      expect(ended).toMatchObject(
        onMaxRounds === 'fail' ? { code: 'tool' } : { outcome: 'interrupted', reason: 'max_rounds' },
      );
      // Either way the next turn has the call with its result.
      await pipeline.executeWithContext('s', 'user', 'Still there?');
      expect([runs, wire.results(stage.body(1)).map(({ text }) => text)]).toEqual([
        ['Rome'],
        ['sunny in Rome'],
      ]);
    }
  });

  test.each<[string, ToolChoice]>([
    ['required', 'required'],
    ['weather', { name: 'weather' }],
  ])('the forced choice %s holds for one round', async (name, forced) => {
    for (const by of ['options', 'request']) {
      const { stage, choices: sent } = await played(
        by === 'options' ? { toolChoice: forced } : {},
        2,
        by === 'options' ? undefined : forced,
      );
      await using _ = stage;
      expect(sent).toEqual([choice?.[name === 'required' ? 'required' : 'weather'], undefined, undefined]);
    }
  });

  test('a forced choice holds for one round also if its call failed', async () => {
    await using stage = await wireStage(wire);
    const { weather } = weatherTool();
    const pipeline = new Pipeline([tools([weather], { toolChoice: 'required' }), stage.model]);
    stage.enqueue(
      { toolCalls: [call('Atlantis')] },
      { toolCalls: [{ name: 'weather', arguments: '{' }] },
      { text: 'Sorry.' },
    );
    await pipeline.execute('user', 'Weather?');
    expect([0, 1, 2].map((request) => at(stage.body(request), 'tool_choice'))).toEqual([
      choice?.required,
      undefined,
      undefined,
    ]);
  });

  test('a call of another tool than the forced one is not run, also if the server gives it all the same', async () => {
    await using stage = await wireStage(wire);
    const { weather, runs } = weatherTool();
    const other = mockTool('other');
    const loop = tools([weather, other], { toolChoice: { name: 'other' } });
    stage.enqueue(
      { toolCalls: [call('Rome'), { name: 'other' }] },
      { toolCalls: [call('Oslo')] },
      { text: 'Sunny.' },
    );
    await new Pipeline([loop, stage.model]).execute('user', 'Weather?');
    expect([runs, other.calls.length]).toEqual([['Oslo'], 1]);
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      'There is no tool "weather". These can be called: other.',
      'ok',
    ]);
  });

  test('the choices auto and none of the request hold for all rounds', async () => {
    const { stage, choices: sent } = await played({}, 1, 'auto');
    await using _ = stage;
    expect(sent).toEqual([choice?.auto, choice?.auto]);
    const none = await played({}, 0, 'none');
    await using __ = none.stage;
    expect(none.choices).toEqual([choice?.none]);
  });

  test('a subset of the tools may be offered in a later round, and a call of another one is not run', async () => {
    await using stage = await wireStage(wire);
    const { weather, runs } = weatherTool();
    const active = (_context: unknown, { round }: { round: number }) => (round === 0 ? ['weather'] : []);
    const pipeline = new Pipeline([tools([weather], { active }), stage.model]);
    const other = { name: 'other', parameters: { type: 'object', properties: {} } };
    stage.enqueue({ toolCalls: [call('Rome')] }, { toolCalls: [call('Oslo')] }, { text: 'Sorry.' });
    await pipeline.execute('user', 'Weather?', { tools: [other] });
    expect(runs).toEqual(['Rome']);
    expect(wire.results(stage.body(2))[1]?.text).toMatch(/^There is no tool "weather"/);
  });
});
