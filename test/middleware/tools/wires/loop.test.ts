import { MemoryStore, Pipeline } from 'sluice';
import { constant } from 'sluice/kit';
import { retry } from 'sluice/middleware/retry';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { call, chat, messages, rolesOf, weatherLoop, weatherTool, wireStage, wires } from './stage.ts';

describe.each(wires)('the loop over $name', (wire) => {
  test('runs calls, and sends them back with their results under ids of ours', async () => {
    await using stage = await wireStage(wire);
    const { pipeline, runs } = weatherLoop(stage);
    stage.enqueue(
      { text: 'Let me look.', toolCalls: [call('Rome'), call('Oslo')] },
      { toolCalls: [call('Bern')] },
      { text: 'Sunny everywhere.' },
    );
    const result = await pipeline.execute('user', 'Weather?');
    expect(result.response.content).toContain('Sunny everywhere.');
    expect(runs).toEqual(['Rome', 'Oslo', 'Bern']);
    const sent = wire.calls(stage.body(2));
    expect(sent.map(({ name, args }) => [name, parsed(args)])).toEqual(
      ['Rome', 'Oslo', 'Bern'].map((city) => ['weather', { city }]),
    );
    const results = wire.results(stage.body(2));
    expect(results.map(({ text }) => text)).toEqual(['sunny in Rome', 'sunny in Oslo', 'sunny in Bern']);
    expect(results.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    expect(sent.map(({ id }) => id)).toEqual(result.response.toolCalls.map(({ id }) => id));
    for (const { id } of sent) expect(id).toMatch(/^c[a-z0-9]+_\d_\d$/);
  });

  test('R23 a call that was cut off by length is not run, and the session goes on', async () => {
    await using stage = await wireStage(wire);
    const { pipeline, runs } = weatherLoop(stage);
    stage.enqueue({ text: 'Let me', toolCalls: [call('Rome')], cut: true }, { text: 'Hello again.' });
    const result = await pipeline.executeWithContext('s', 'user', 'Weather?');
    expect([runs, result.response.finishReason, stage.server.requests.length]).toEqual([[], 'length', 1]);
    const next = await pipeline.executeWithContext('s', 'user', 'Still there?');
    expect([next.response.content, next.warnings]).toEqual(['Hello again.', []]);
  });

  test('R24 nothing runs before the reply has ended: a stream that is cut after its call runs nothing', async () => {
    await using stage = await wireStage(wire);
    const { pipeline, runs } = weatherLoop(stage);
    const stream = wire.stream({ toolCalls: [call('Rome')] }, 0);
    stage.enqueue({ stream, fault: { kind: 'eof', at: { event: stream.lines.length - wire.endings } } });
    await expect(pipeline.execute('user', 'Weather?')).rejects.toMatchObject({ code: 'truncated' });
    expect(runs).toEqual([]);
  });

  test('R26 empty arguments are an empty object', async () => {
    await using stage = await wireStage(wire);
    const { pipeline, runs } = weatherLoop(stage);
    stage.enqueue({ toolCalls: [{ name: 'weather', arguments: '' }] }, { text: 'Sunny.' });
    await pipeline.execute('user', 'Weather?');
    expect(runs).toEqual(['Rome']);
    expect(parsed(wire.calls(stage.body(1))[0]?.args || '{}')).toEqual({});
  });

  test('R26 empty arguments of a reply that was cut are not run', async () => {
    await using stage = await wireStage(wire);
    const { pipeline, runs } = weatherLoop(stage);
    stage.enqueue({ toolCalls: [{ name: 'weather', arguments: '' }], cut: true });
    await pipeline.execute('user', 'Weather?');
    expect(runs).toEqual([]);
  });

  test('R27 an execution that was aborted while a tool ran does not poison the session', async () => {
    await using stage = await wireStage(wire);
    const stop = new AbortController();
    const slow = tool({
      name: 'weather',
      description: 'Never ends',
      input: z.object({}),
      execute: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')));
          stop.abort();
        }),
    });
    const pipeline = new Pipeline([tools([slow]), stage.model]);
    stage.enqueue({ text: 'Let me look.', toolCalls: [call('Rome')] }, { text: 'Hello again.' });
    const options = { signal: stop.signal };
    await pipeline.executeWithContext('s', 'user', 'Weather?', options).catch(() => undefined);
    const result = await pipeline.executeWithContext('s', 'user', 'Still there?');
    expect(result.response.content).toBe('Hello again.');
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      expect.stringContaining('It may have taken effect.'),
    ]);
  });

  test('R30 one of several calls fails, and each has its result', async () => {
    await using stage = await wireStage(wire);
    const { pipeline } = weatherLoop(stage);
    stage.enqueue({ toolCalls: [call('Rome'), call('Atlantis'), call('Oslo')] }, { text: 'Two of three.' });
    await pipeline.execute('user', 'Weather?');
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      'sunny in Rome',
      'The tool failed: no such city',
      'sunny in Oslo',
    ]);
  });

  test('R30 a failed call cancels the others by choice, which are waited for, and each has its result', async () => {
    await using stage = await wireStage(wire);
    const log: string[] = [];
    const begun = Promise.withResolvers<void>();
    const slow = tool({
      name: 'slow',
      description: 'Ends when it is told to stop',
      input: z.object({}),
      execute: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          begun.resolve();
          signal.addEventListener('abort', () => {
            log.push('stopped');
            reject(new Error('stopped'));
          });
        }),
    });
    const breaks = tool({
      name: 'breaks',
      description: 'Fails when the other one runs',
      input: z.object({}),
      execute: async () => {
        await begun.promise;
        throw new Error('broken');
      },
    });
    const loop = tools([slow, breaks], { cancelOnError: true, maxParallel: 2 });
    stage.enqueue(
      { toolCalls: [{ name: 'slow' }, { name: 'breaks' }, { name: 'slow' }] },
      { text: 'Sorry.' },
    );
    await new Pipeline([loop, stage.model]).execute('user', 'Go');
    expect(log).toEqual(['stopped']);
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      'The tool was stopped before its end. It may have taken effect.',
      'The tool failed: broken',
      'The tool was not run, because another call of the same reply failed.',
    ]);
  });

  test('results go back in the order of the calls, whatever the order in which they came', async () => {
    await using stage = await wireStage(wire);
    const turns = ['first', 'second', 'third'].map(() => Promise.withResolvers<void>());
    const ended: number[] = [];
    const waits = tool({
      name: 'waits',
      description: 'Ends after the one behind it',
      input: z.object({ n: z.number() }),
      execute: async ({ n }) => {
        await turns[n + 1]?.promise;
        ended.push(n);
        turns[n]?.resolve();
        return `result ${n}`;
      },
    });
    stage.enqueue(
      { toolCalls: [0, 1, 2].map((n) => ({ name: 'waits', arguments: { n } })) },
      { text: 'All there.' },
    );
    const pipeline = new Pipeline([tools([waits]), stage.model]);
    const result = await pipeline.execute('user', 'Go');
    expect(ended).toEqual([2, 1, 0]);
    const expected = ['result 0', 'result 1', 'result 2'];
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual(expected);
    expect(rolesOf(result.messages)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('a retry below repeats the second round alone, and no tool runs twice', async () => {
    await using stage = await wireStage(wire);
    const { pipeline, runs } = weatherLoop(stage, (loop) => [loop, retry({ backoff: constant(0) })]);
    stage.enqueue({ toolCalls: [call('Rome')] }, wire.error(503), { text: 'Sunny.' });
    const result = await pipeline.execute('user', 'Weather?');
    expect([result.response.content, runs, stage.server.requests.length]).toEqual(['Sunny.', ['Rome'], 3]);
    expect(stage.body(2)).toEqual(stage.body(1));
  });

  test('a retry above runs the loop again, and no tool runs twice', async () => {
    await using stage = await wireStage(wire);
    const above = retry({ backoff: constant(0), afterContent: 'reset' });
    const { pipeline, runs } = weatherLoop(stage, (loop) => [above, loop]);
    stage.enqueue({ thinking: 'Hm.', toolCalls: [call('Rome')] }, wire.error(503), { text: 'Sunny.' });
    const result = await pipeline.execute('user', 'Weather?');
    expect([result.response.content, runs, stage.server.requests.length]).toEqual(['Sunny.', ['Rome'], 3]);
    expect(rolesOf(result.messages)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(stage.body(2)).toEqual(stage.body(1));
  });

  test('a turn that failed goes on in another process with the same request', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { weather, runs } = weatherTool();
    const process = () => new Pipeline([tools([weather]), stage.model], { store });
    stage.enqueue({ thinking: 'Hm.', text: 'Let me look.', toolCalls: [call('Rome')] }, wire.error(400), {
      text: 'Sunny.',
    });
    const options = { turnId: 't' };
    await expect(process().executeWithContext('s', 'user', 'Weather?', options)).rejects.toThrow();
    const result = await process().executeWithContext('s', 'user', 'Weather?', options);
    expect([result.response.content, runs]).toEqual(['Let me look.Sunny.', ['Rome']]);
    expect(stage.body(2)).toEqual(stage.body(1));
    // What is stored is what was sent, too.
    stage.enqueue({ text: 'You are welcome.' });
    await process().executeWithContext('s', 'user', 'Thanks!');
    expect(wire.calls(stage.body(3))).toEqual(wire.calls(stage.body(1)));
    expect(wire.results(stage.body(3))).toEqual(wire.results(stage.body(1)));
  });
});

test.each([chat, messages])('R25 two calls of $name at one index are two calls', async (wire) => {
  await using stage = await wireStage(wire);
  const { pipeline, runs } = weatherLoop(stage);
  const { lines } = wire.stream({ toolCalls: [call('Rome', 'a'), call('Oslo', 'b')] }, 0);
  stage.enqueue(
    { stream: { lines: lines.map((line) => line.replaceAll('"index":1', '"index":0')) } },
    { text: 'Sunny.' },
  );
  await pipeline.execute('user', 'Weather?');
  expect(runs).toEqual(['Rome', 'Oslo']);
});

function parsed(args: unknown): unknown {
  return typeof args === 'string' ? JSON.parse(args) : args;
}
