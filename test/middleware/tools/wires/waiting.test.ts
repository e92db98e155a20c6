import { MemoryStore, Pipeline } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { call, rolesOf, weatherTool, wireStage, wires } from './stage.ts';

const ask = tool({ name: 'ask_user', description: 'Asks', input: z.object({}) });

describe.each(wires)('calls that wait or are cut over $name', (wire) => {
  test('tools that run are run to their end and recorded before the turn waits for the client', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { weather, runs } = weatherTool();
    const pipeline = new Pipeline([tools([ask, weather]), stage.model], { store });
    stage.enqueue({ thinking: 'Hm.', toolCalls: [{ name: 'ask_user' }, call('Rome')] });
    const result = await pipeline.executeWithContext('s', 'user', 'Weather?', { turnId: 't' });
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'tool_calls' });
    expect([runs, result.pending?.map(({ name }) => name)]).toEqual([['Rome'], ['ask_user']]);
    const steps = await store.steps('s', 't');
    expect(steps.map(({ step }) => step.kind)).toEqual(['reply', 'result', 'wait']);
  });

  test('another turn withdraws a call that waits, and says so; the request is valid', async () => {
    await using stage = await wireStage(wire);
    const { weather } = weatherTool();
    const pipeline = new Pipeline([tools([ask, weather]), stage.model]);
    stage.enqueue(
      { thinking: 'Hm.', toolCalls: [{ name: 'ask_user' }, call('Rome')] },
      { text: 'Never mind.' },
    );
    await pipeline.executeWithContext('s', 'user', 'Weather?');
    const next = await pipeline.executeWithContext('s', 'user', 'Never mind.');
    expect(next.warnings).toEqual([]);
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      'Nobody has decided on this call, and it is withdrawn. It was not run.',
      'sunny in Rome',
    ]);
  });

  test('a turn that was closed while tools ran says which may have taken effect and which were not run', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const begun = Promise.withResolvers<void>();
    const slow = tool({
      name: 'weather',
      description: 'Ends when it is told to stop',
      input: z.object({ city: z.string() }),
      execute: ({ city }, { signal }) =>
        city === 'Rome'
          ? 'sunny in Rome'
          : new Promise((_resolve, reject) => {
              begun.resolve();
              signal.addEventListener('abort', () => reject(new Error('stopped')));
            }),
    });
    const pipeline = new Pipeline([tools([slow], { maxParallel: 1 }), stage.model], { store });
    stage.enqueue(
      { thinking: 'Hm.', text: 'Let me look.', toolCalls: [call('Rome'), call('Oslo'), call('Bern')] },
      { text: 'Hello again.' },
    );
    const stream = pipeline.executeStreamWithContext('s', 'user', 'Weather?', { turnId: 't' });
    const read = (async () => {
      for await (const _chunk of stream);
    })();
    await begun.promise;
    await stream.close();
    await read;
    await pipeline.executeWithContext('s', 'user', 'Still there?');
    expect(wire.results(stage.body(1)).map(({ text }) => text)).toEqual([
      'sunny in Rome',
      expect.stringContaining('It may have taken effect.'),
      expect.stringContaining('This call was not run'),
    ]);
    expect(rolesOf((await store.load('s'))?.messages ?? [])).toEqual([
      ...['user', 'assistant', 'tool', 'user', 'assistant'],
    ]);
  });

  test('a turn that was cut within its second reply keeps the first round, and what had come of the second', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const { weather, runs } = weatherTool();
    const pipeline = new Pipeline([tools([weather]), stage.model], { store });
    const second = wire.stream({ thinking: 'Then.', text: 'It is sunny, and', toolCalls: [call('Oslo')] }, 1);
    const at = second.lines.findIndex((line) => line.includes('"and"')) + 1;
    stage.enqueue(
      { thinking: 'Hm.', toolCalls: [call('Rome')] },
      { stream: second, fault: { kind: 'eof', at: { event: at } } },
      { text: 'Hello again.' },
    );
    await expect(pipeline.executeWithContext('s', 'user', 'Weather?')).rejects.toMatchObject({
      retryable: true,
    });
    const next = await pipeline.executeWithContext('s', 'user', 'Still there?');
    expect([runs, next.response.content]).toEqual([['Rome'], 'Hello again.']);
    expect(wire.calls(stage.body(2))).toHaveLength(1);
    expect(JSON.stringify(stage.body(2))).toContain('It is sunny, and');
    expect(rolesOf((await store.load('s'))?.messages ?? [])).toEqual([
      ...['user', 'assistant', 'tool', 'assistant*', 'user', 'assistant'],
    ]);
  });
});
