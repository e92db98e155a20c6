import { expect, test } from 'vitest';
import { createServer } from 'sluice/server';
import { cost } from 'sluice/middleware/cost';
import { ADA, stage } from './stage.ts';

const RUN = '/api/v1/agent/run';

test('what happens is counted, by labels from closed sets', async () => {
  const { ask } = stage(['One', { error: new Error('x') }]);
  await ask(RUN, { body: { input: 'Hi' } });
  await ask(RUN, { body: { input: 'Hi' } });
  await ask('/health');
  await ask('/ready');
  const text = await (await ask('/metrics')).text();
  for (const line of [
    'sluice_requests_total{route="/api/v1/agent/run",method="POST",status="200"} 1',
    'sluice_requests_total{route="/health",method="GET",status="200"} 1',
    'sluice_requests_total{route="/ready",method="GET",status="200"} 1',
    'sluice_turns_total{pipeline="agent",outcome="completed"} 1',
    'sluice_turns_total{pipeline="agent",outcome="failed"} 1',
    'sluice_turn_errors_total{pipeline="agent",code="middleware"} 1',
    'sluice_tokens_total{pipeline="agent",model="other",kind="output"} 8',
    'sluice_open_streams 0',
  ])
    expect(text.split('\n')).toContain(line);
});

test('a stored reply that is said again costs nothing, and no other process counts it', async () => {
  const usage = { inputTokens: 5, outputTokens: 7 };
  const prices = { 'scripted/*': { input: 0, output: 1_000_000 } };
  const one = stage({ text: 'One', usage }, {}, [cost({ prices })]);
  const two = createServer(one.pipeline, {
    auth: { tokens: { [ADA]: { id: 'ada' } } },
    limits: { tokensPerMinute: 1, usdPerDay: 1 },
  });
  const body = { input: 'Hi', turn_id: 't1', conversation_id: 'c1' };
  await one.ask(RUN, { body });
  const onTwo = (path: string, asked?: object): Response | Promise<Response> =>
    two.fetch(
      new Request(`http://localhost${path}`, {
        method: asked === undefined ? 'GET' : 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${ADA}` },
        ...(asked !== undefined && { body: JSON.stringify(asked) }),
      }),
    );
  expect(await (await onTwo(RUN, body)).json()).toMatchObject({
    output: 'One',
    usage: { totalTokens: 12 },
  });
  const metrics = await (await onTwo('/metrics')).text();
  expect(metrics).toContain('sluice_turns_total{pipeline="agent",outcome="completed"} 1');
  expect(metrics).not.toMatch(/^sluice_(?:tokens|cost_usd)_total\{/m);
  // The caller may go on: neither its tokens nor its dollars are used up.
  expect((await onTwo('/v1/models')).status).toBe(200);
  one.model.enqueue('Two');
  expect((await onTwo(RUN, { input: 'Hi' })).status).toBe(200);
  expect(one.model.calls).toHaveLength(2);
});

test('a name with characters that mean something to Prometheus is escaped', async () => {
  const { ask } = stage('One', { name: 'my "best"\\one' });
  await ask(RUN, { body: { input: 'Hi' } });
  const line = String.raw`sluice_turns_total{pipeline="my \"best\"\\one",outcome="completed"} 1`;
  expect((await (await ask('/metrics')).text()).split('\n')).toContain(line);
});

test('made-up models and paths add no series', async () => {
  const { ask } = stage([]);
  const count = async (): Promise<number> => (await (await ask('/metrics')).text()).split('\n').length;
  await ask('/made-up');
  await ask('/api/v1/streams/made-up');
  await ask('/v1/chat/completions', { body: { model: 'made-up', messages: [] } });
  await count();
  const before = await count();
  for (let one = 0; one < 200; one++) {
    await ask(`/made-up-${one}`);
    await ask(`/api/v1/streams/made-up-${one}`);
    await ask('/v1/chat/completions', { body: { model: `made-up-${one}`, messages: [] } });
  }
  expect(await count()).toBe(before);
});
