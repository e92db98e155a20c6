import { expect, test } from 'vitest';
import { stage } from './stage.ts';

const RUN = '/api/v1/agent/run';

test('what happens is counted, by labels from closed sets', async () => {
  const { ask } = stage(['One', { error: new Error('x') }]);
  await ask(RUN, { body: { input: 'Hi' } });
  await ask(RUN, { body: { input: 'Hi' } });
  const text = await (await ask('/metrics')).text();
  for (const line of [
    'sluice_requests_total{route="/api/v1/agent/run",method="POST",status="200"} 1',
    'sluice_turns_total{pipeline="agent",outcome="completed"} 1',
    'sluice_turns_total{pipeline="agent",outcome="failed"} 1',
    'sluice_turn_errors_total{pipeline="agent",code="middleware"} 1',
    'sluice_tokens_total{pipeline="agent",model="other",kind="output"} 8',
    'sluice_open_streams 0',
  ])
    expect(text.split('\n')).toContain(line);
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
