import { Pipeline } from 'sluice';
import type { ExecutionResult, Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { agentTool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedProvider } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { agent, ask } from './agent-stage.ts';
import { play, resultsIn } from './stage.ts';

describe('agents inside agents', () => {
  /** A chain of agents, the innermost last. Each calls the next one. */
  function chain(length: number): { outer: Middleware; models: ScriptedProvider[] } {
    const models: ScriptedProvider[] = [];
    let inner: Tool | undefined;
    for (let depth = length; depth > 0; depth--) {
      const model = scripted(inner === undefined ? ['deepest'] : [ask(), `depth ${depth}`]);
      models.unshift(model);
      const layers = inner === undefined ? [] : [tools([inner])];
      inner = agentTool(new Pipeline([...layers, provider(model)]), { name: 'agent', description: 'Helps' });
    }
    return { outer: tools(inner === undefined ? [] : [inner]), models };
  }

  test('may be three deep', async () => {
    const { outer, models } = chain(3);
    const { result } = await play(outer, [ask(), 'done']);
    expect(models.map(({ calls }) => calls.length)).toEqual([2, 2, 1]);
    expect(resultsIn(models[1]?.requests[1]?.messages)).toEqual(['ok 0_0 deepest']);
    expect(result?.usage.totalTokens).toBe(7 * 20);
  });

  test('are not run four deep: the model is told so', async () => {
    const { outer, models } = chain(4);
    const { result } = await play(outer, [ask(), 'done']);
    expect(models.map(({ calls }) => calls.length)).toEqual([2, 2, 2, 0]);
    expect(resultsIn(models[2]?.requests[1]?.messages)).toEqual([
      'error 0_0 The tool failed: Agents run at most 3 deep inside each other, so the agent agent was not run.',
    ]);
    expect(result?.outcome).toBe('completed');
  });

  test('a pipeline may be a tool of itself, and uses one slot', async () => {
    const depths = ['outermost', 'first', 'second', 'third'];
    const again = { toolCalls: [{ name: 'self', arguments: { prompt: 'Again.' } }] };
    const model = scripted(({ messages }) => (messages.length === 1 ? again : 'done'), { repeat: true });
    const pipeline: Pipeline = new Pipeline(
      [tools([agentTool(() => pipeline, { name: 'self', description: 'Itself' })]), provider(model)],
      { maxConcurrentExecutions: 1 },
    );
    const result: ExecutionResult = await pipeline.execute('user', 'Go on.');
    expect(result.response.content).toBe('done');
    expect(model.calls).toHaveLength(2 * depths.length);
    expect(resultsIn(model.requests[4]?.messages).join()).toContain('Agents run at most 3 deep');
    // The slot is free again.
    await pipeline.execute('user', 'Go on.');
  });

  test('one that runs while its pipeline shuts down may finish', async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const model = scripted([ask('self'), { text: 'An answer.' }, 'done']);
    const waits: Middleware = async function waits(context, next) {
      if (context.request.messages.length === 1) begun.resolve();
      await go.promise;
      return next();
    };
    const pipeline: Pipeline = new Pipeline([
      waits,
      tools([agentTool(() => pipeline, { name: 'self', description: 'Itself' })]),
      provider(model),
    ]);
    const running = pipeline.execute('user', 'Go on.');
    await begun.promise;
    const closed = pipeline.shutdown();
    go.resolve();
    expect((await running).response.content).toBe('done');
    await closed;
  });

  test('one whose pipeline was shut down before ends the execution', async () => {
    const { made, pipeline } = agent(['An answer.']);
    await pipeline.shutdown();
    expect((await play(tools([made]), [ask()])).error?.code).toBe('shutting_down');
  });
});
