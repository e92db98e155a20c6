import { MemoryStore, Pipeline } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { call, messages, weatherLoop, weatherTool, wireStage, wires } from './stage.ts';

describe.each(wires)('bad calls over $name', (wire) => {
  test.each(['{"city": ', 'Rome', '{"city": "Rome"', '\u0000'])(
    'R52 arguments that are not JSON (%j) go back to the model with what is wrong, and the session lives on after a reload',
    async (broken) => {
      await using stage = await wireStage(wire);
      const store = new MemoryStore();
      const { weather, runs } = weatherTool();
      const process = () => new Pipeline([tools([weather]), stage.model], { store });
      stage.enqueue(
        { toolCalls: [{ name: 'weather', arguments: broken }, call('Oslo')] },
        { text: 'Sorry.' },
        { text: 'Hello again.' },
      );
      const result = await process().executeWithContext('s', 'user', 'Weather?');
      expect(runs).toEqual(['Oslo']);
      expect(result.response.toolCalls[0]?.invalid?.raw).toBe(broken);
      for (const request of [1, 2]) {
        if (request === 2) await process().executeWithContext('s', 'user', 'Still there?');
        expect(wire.results(stage.body(request)).map(({ text }) => text)).toEqual([
          expect.stringMatching(/^The arguments are wrong: the arguments are not valid JSON/),
          'sunny in Oslo',
        ]);
        const args = wire.calls(stage.body(request))[0]?.args;
        // As an object where the wire wants one, as text where it wants that; the model sees what it wrote.
        expect(typeof args).toBe(wire === messages ? 'object' : 'string');
        expect(typeof args === 'string' ? JSON.parse(args) : args).toEqual({ invalid_json: broken });
      }
    },
  );

  test.each(['multi_tool_use.parallel', 'weather in Rome?', 'é', 'x'.repeat(80)])(
    'R52 a call of a tool %j, which the API takes as no name, is answered, and the next request is valid',
    async (name) => {
      await using stage = await wireStage(wire);
      const { pipeline, runs } = weatherLoop(stage);
      stage.enqueue({ toolCalls: [{ name }, call('Oslo')] }, { text: 'Sorry.' });
      const result = await pipeline.execute('user', 'Weather?');
      expect([runs, result.response.content]).toEqual([['Oslo'], 'Sorry.']);
      expect(wire.results(stage.body(1))[0]?.text).toMatch(
        /^There is no tool ".*These can be called: weather/,
      );
    },
  );

  test('a call that does not match the schema goes back with what is wrong', async () => {
    await using stage = await wireStage(wire);
    const { pipeline, runs } = weatherLoop(stage);
    stage.enqueue({ toolCalls: [{ name: 'weather', arguments: { city: 5 } }] }, { text: 'Sorry.' });
    await pipeline.execute('user', 'Weather?');
    expect(runs).toEqual([]);
    expect(wire.results(stage.body(1))[0]?.text).toMatch(/^The arguments are wrong: city: /);
  });

  test('a repaired call runs with other arguments, and the model is sent what it wrote', async () => {
    await using stage = await wireStage(wire);
    const { weather, runs } = weatherTool();
    const repair = () => ({ name: 'weather', arguments: { city: 'Rome' } });
    const pipeline = new Pipeline([tools([weather], { repair }), stage.model]);
    stage.enqueue({ toolCalls: [{ name: 'wether', arguments: { town: 'Rome' } }] }, { text: 'Sunny.' });
    await pipeline.execute('user', 'Weather?');
    expect(runs).toEqual(['Rome']);
    const [sent] = wire.calls(stage.body(1));
    expect(sent?.name).toBe('wether');
    expect(typeof sent?.args === 'string' ? JSON.parse(sent.args) : sent?.args).toEqual({ town: 'Rome' });
  });

  test('S9 __proto__ in the arguments is a field like any other', async () => {
    await using stage = await wireStage(wire);
    const seen: unknown[] = [];
    const free = tool({
      name: 'free',
      description: 'Takes anything',
      input: { jsonSchema: { type: 'object' } },
      execute: (input) => {
        seen.push(input);
        return 'ok';
      },
    });
    const raw = '{"__proto__":{"polluted":true}}';
    stage.enqueue({ toolCalls: [{ name: 'free', arguments: raw }] }, { text: 'Fine.' });
    await new Pipeline([tools([free]), stage.model]).execute('user', 'Go');
    expect(JSON.stringify(seen)).toBe(`[${raw}]`);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    const args = wire.calls(stage.body(1))[0]?.args;
    expect(typeof args === 'string' ? args : JSON.stringify(args)).toBe(raw);
  });
});

test('a schema with default values is filled for the tool, not in what the model is sent', async () => {
  await using stage = await wireStage(messages);
  const seen: unknown[] = [];
  const filled = tool({
    name: 'filled',
    description: 'Has a default',
    input: z.object({ unit: z.string().default('celsius') }),
    execute: (input) => void seen.push(input),
  });
  stage.enqueue({ toolCalls: [{ name: 'filled' }] }, { text: 'Fine.' });
  await new Pipeline([tools([filled]), stage.model]).execute('user', 'Go');
  expect(seen).toEqual([{ unit: 'celsius' }]);
  expect(messages.calls(stage.body(1))[0]?.args).toEqual({});
});
