import { describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { SluiceError } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import { eventsOf } from '../support.ts';
import { BOB, codeOf, stage } from './stage.ts';
import type { Stage } from './stage.ts';

const RUN = '/api/v1/agent/run';
const ALL = '/api/v1/conversations';
const ONE = `${ALL}/c1`;
const json = { accept: 'application/json' };

async function started(answers = ['Hello', 'Again', 'More']): Promise<Stage> {
  const made = stage(answers);
  await made.ask(RUN, { body: { input: 'One', conversation_id: 'c1' } });
  return made;
}

const read = async ({ ask }: Stage, path = ONE): Promise<Record<string, unknown>> =>
  (await (await ask(path)).json()) as Record<string, unknown>;

test('conversations are listed, a page at a time', async () => {
  const { ask: asked } = stage(['1', '2', '3']);
  for (const id of ['a', 'b', 'c']) await asked(RUN, { body: { input: 'Hi', conversation_id: id } });
  const first = (await (await asked(`${ALL}?limit=2`)).json()) as {
    conversations: { id: string }[];
    cursor: string;
  };
  const rest = (await (await asked(`${ALL}?limit=2&cursor=${first.cursor}`)).json()) as typeof first;
  expect([...first.conversations, ...rest.conversations].map(({ id }) => id).sort()).toEqual(['a', 'b', 'c']);
  expect((await asked(`${ALL}?limit=1000`)).status).toBe(200);
  for (const limit of [0, 1001]) expect((await asked(`${ALL}?limit=${limit}`)).status).toBe(400);
});

test('a conversation is read with its messages, their ids and its branches', async () => {
  const body = await read(await started());
  expect(body).toMatchObject({
    id: 'c1',
    messages: [{ role: 'user', content: 'One' }, { role: 'assistant' }],
    ids: [expect.any(String), expect.any(String)],
    branches: [{ message_count: 2, is_head: true }],
    usage: { totalTokens: 20 },
    turns: 1,
  });
});

test('a conversation is forked and deleted', async () => {
  const made = await started();
  const { id } = (await (await made.ask(`${ONE}/fork`, { body: {} })).json()) as { id: string };
  expect((await read(made, `${ALL}/${id}`))['messages']).toHaveLength(2);
  expect((await made.ask(ONE, { method: 'DELETE' })).status).toBe(204);
  expect((await made.ask(ONE)).status).toBe(404);
});

test('a conversation that the store does not delete is not said to be gone', async () => {
  const made = await started();
  const away = new SluiceError('store', 'The disk is full.', { retryable: false });
  const deleting = vi.spyOn(made.pipeline.store, 'delete').mockRejectedValue(away);
  expect(await codeOf(await made.ask(ONE, { method: 'DELETE' }))).toEqual([503, 'store']);
  deleting.mockRestore();
  expect((await made.ask(ONE)).status).toBe(200);
});

test('the last answer is made anew, as a stream or in one piece', async () => {
  const made = await started();
  const events = await eventsOf(await made.ask(`${ONE}/regenerate`, { body: {} }));
  expect(events.map(({ event }) => event)).toEqual(['connected', 'content', 'complete', 'done']);
  const whole = await made.ask(`${ONE}/regenerate`, { body: {}, headers: json });
  expect(await whole.json()).toMatchObject({ output: 'More' });
  expect((await read(made))['branches']).toHaveLength(3);
});

test('a message is edited, and the branch before is selected again', async () => {
  const made = await started();
  const before = await read(made);
  const [messageId] = before['ids'] as string[];
  await made.ask(`${ONE}/edit`, { body: { message_id: messageId, message: 'Two' }, headers: json });
  expect((await read(made))['messages']).toMatchObject([{ content: 'Two' }, {}]);
  const leaf = (before['branches'] as { id: string }[])[0]?.id;
  expect((await made.ask(`${ONE}/branch`, { body: { leaf } })).status).toBe(204);
  expect((await read(made))['messages']).toMatchObject([{ content: 'One' }, {}]);
});

test('a call that waits is shown, decided, and the turn goes on', async () => {
  const pay = tool({
    name: 'pay',
    description: 'Pays',
    input: z.object({}),
    needsApproval: true,
    execute: () => 'paid',
  });
  const made = stage([{ toolCalls: [{ name: 'pay', arguments: {} }] }, 'Done'], {}, [tools([pay])]);
  const asked = await made.ask(RUN, { body: { input: 'Pay', conversation_id: 'c1' } });
  expect(await asked.json()).toMatchObject({
    execution_summary: { outcome: 'interrupted', reason: 'approval', pending: [{ name: 'pay' }] },
  });
  const waiting = await read(made);
  expect(waiting).toMatchObject({
    pending: [{ name: 'pay', waitsFor: 'approval' }],
    open: expect.any(String),
  });
  const [{ callId }] = waiting['pending'] as [{ callId: string }];
  const wrong = await made.ask(`${ONE}/decisions`, { body: { decisions: { [callId]: 'yes' } } });
  expect(await codeOf(wrong)).toEqual([400, 'invalid_request']);
  const decided = await made.ask(`${ONE}/decisions`, {
    body: { decisions: { [callId]: { approve: true } } },
    headers: json,
  });
  expect(await decided.json()).toMatchObject({
    output: 'Done',
    execution_summary: { tool_calls: [{ name: 'pay', status: 'completed' }] },
  });
});

test.each([
  ['the route of decisions', `${ONE}/decisions`, 'message'],
  ['the route of turns', RUN, 'input'],
])('what is said with a decision reaches the model, by %s', async (_which, path, field) => {
  const pay = tool({
    ...{ name: 'pay', description: 'Pays', input: z.object({}) },
    ...{ needsApproval: true, execute: () => 'paid' },
  });
  const made = stage([{ toolCalls: [{ name: 'pay', arguments: {} }] }, 'Done'], {}, [tools([pay])]);
  await made.ask(RUN, { body: { input: 'Pay', conversation_id: 'c1' } });
  const [{ callId }] = (await read(made))['pending'] as [{ callId: string }];
  const decisions = { [callId]: { approve: true } };
  const body = { decisions, conversation_id: 'c1', [field]: 'And be quick.' };
  expect((await made.ask(path, { body, headers: json })).status).toBe(200);
  expect(JSON.stringify(made.model.calls[1]?.request)).toContain('And be quick.');
});

describe('S2 the conversation of a stranger', () => {
  test.each([
    ['read', '', undefined],
    ['deleted', '', 'DELETE'],
    ['forked', '/fork', 'POST'],
    ['branched', '/branch', 'POST'],
    ['regenerated', '/regenerate', 'POST'],
    ['edited', '/edit', 'POST'],
    ['decided', '/decisions', 'POST'],
  ])('cannot be %s: it is not there', async (_what, path, method) => {
    const made = await started();
    const body = { leaf: 'x', message_id: 'x', message: 'x', decisions: { x: { approve: true } } };
    const stranger = await made.ask(`${ONE}${path}`, { as: BOB, method, ...(method === 'POST' && { body }) });
    const unknown = await made.ask(`${ALL}/none${path}`, {
      as: BOB,
      method,
      ...(method === 'POST' && { body }),
    });
    expect(stranger.status).toBe(404);
    const withoutId = async (response: Response): Promise<string> =>
      (await response.text()).replaceAll(/[\da-f-]{36}/g, '');
    expect(await withoutId(stranger)).toBe(await withoutId(unknown));
    expect((await read(made))['messages']).toHaveLength(2);
    expect(made.model.calls).toHaveLength(1);
  });

  test('is not in a list, and its id is free for others', async () => {
    const made = await started();
    expect(await read(made, ALL)).toMatchObject({ conversations: [{ id: 'c1' }] });
    const others = (await (await made.ask(ALL, { as: BOB })).json()) as { conversations: unknown[] };
    expect(others.conversations).toEqual([]);
    await made.ask(RUN, { as: BOB, body: { input: 'Mine', conversation_id: 'c1' } });
    expect((await read(made))['messages']).toMatchObject([{ content: 'One' }, {}]);
  });
});
