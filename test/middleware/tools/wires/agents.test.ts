import { MemoryStore, Pipeline, decide } from 'sluice';
import type { ExecutionResult } from 'sluice';
import { agentTool, tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { wireStage, wires } from './stage.ts';

const ask = (name: string) => ({ name, arguments: { prompt: 'Help.' } });

describe.each(wires)('agents over $name', (wire) => {
  test('a pipeline as a tool of itself uses one slot, and every request is valid', async () => {
    await using stage = await wireStage(wire);
    const pipeline: Pipeline = new Pipeline(
      [tools([agentTool(() => pipeline, { name: 'self', description: 'Itself' })]), stage.model],
      { maxConcurrentExecutions: 1 },
    );
    // Connections that were opened by another execution are used again.
    stage.enqueue({ text: 'Hello.' });
    await pipeline.execute('user', 'Hello?');
    stage.enqueue(
      { text: 'Let me see.', toolCalls: [ask('self'), ask('self')] },
      { text: 'One.' },
      { text: 'Two.' },
      { text: 'Done.' },
    );
    const { response } = await pipeline.execute('user', 'Go on.');
    expect(response.content).toBe('Let me see.Done.');
    const last = stage.server.requests.at(-1)?.body;
    expect(
      wire
        .results(last)
        .map(({ text }) => text)
        .toSorted(),
    ).toEqual(['One.', 'Two.']);
    expect(wire.calls(last).map(({ id }) => id)).toEqual(wire.results(last).map(({ id }) => id));
  });

  test('a call that waits inside an agent is decided from another pipeline, and both go on', async () => {
    await using stage = await wireStage(wire);
    const store = new MemoryStore();
    const runs: unknown[] = [];
    const pay = tool({
      name: 'pay',
      description: 'Pays',
      input: z.object({ amount: z.number() }),
      needsApproval: true,
      execute: ({ amount }) => {
        runs.push(amount);
        return 'paid';
      },
    });
    const outer = (): Pipeline => {
      const inner = new Pipeline([tools([pay]), stage.model]);
      const clerk = agentTool(inner, { name: 'clerk', description: 'Pays' });
      return new Pipeline([tools([clerk]), stage.model], { store });
    };
    stage.enqueue(
      { toolCalls: [ask('clerk')] },
      { thinking: 'Hm.', toolCalls: [{ name: 'pay', arguments: { amount: 7 } }] },
    );
    const first = await outer().executeWithContext('s', 'user', 'Pay.');
    const [waiting] = first.pending ?? [];
    expect(waiting?.path).toBe(first.response.toolCalls[0]?.id);
    stage.enqueue({ text: 'It is paid.' }, { text: 'Done.' });
    const second: ExecutionResult = await outer().executeWithContext(
      's',
      decide({ [waiting?.callId ?? '']: { approve: true } }),
    );
    expect(runs).toEqual([7]);
    expect(second.outcome).toBe('completed');
    expect(second.messages.at(-1)?.content).toBe('Done.');
    const results = stage.server.requests.map(({ body }) => wire.results(body).map(({ text }) => text));
    expect(results).toEqual([[], [], ['paid'], ['It is paid.']]);
    expect(second.turn?.usage.totalTokens).toBe(first.usage.totalTokens + second.usage.totalTokens);
  });
});
