import { describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import { manualGate, scripted } from 'sluice/testing';
import { inOneMinute } from '../callers/one-minute.ts';
import { dataOf, eventsOf } from '../support.ts';
import { BOB, codeOf, stage } from './stage.ts';

const STREAM = '/api/v1/agent/stream';
const RUN = '/api/v1/agent/run';
const resumable = { resumable: true };

test('a stream is opened with the lease of the option, which is at least 100 ms', async () => {
  const log = memoryLog();
  const open = vi.spyOn(log, 'open');
  const { ask } = stage('One', { ...resumable, log, leaseMs: 1_500 });
  await eventsOf(await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } }));
  expect(open.mock.calls.map(([key, , { leaseMs }]) => [key.id, leaseMs])).toEqual([['t1', 1_500]]);
  expect(() => stage('One', { leaseMs: 99 })).toThrow('leaseMs');
});

describe('R40 a client that comes back', () => {
  test('reads what it missed, once, whatever it had, and ends', async () => {
    const { ask } = stage('One two three', resumable);
    const all = await eventsOf(await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } }));
    for (const [at, { id = '' }] of all.entries()) {
      const response = await ask('/api/v1/streams/t1', { headers: { 'last-event-id': id } });
      if (at === all.length - 1) expect(response.status).toBe(204);
      else expect(await eventsOf(response)).toEqual(all.slice(at + 1));
    }
    // A client that cannot set headers.
    const named = await ask(`/api/v1/streams/t1?last_event_id=${all[0]?.id}`);
    expect(await eventsOf(named)).toEqual(all.slice(1));
    // A client that has had no event yet.
    expect(await eventsOf(await ask('/api/v1/streams/t1', { headers: { 'last-event-id': '' } }))).toEqual(
      all,
    );
    // All events of a position: the last one has two.
    const whole = await ask('/api/v1/streams/t1', { headers: { 'last-event-id': '4' } });
    expect(whole.status).toBe(204);
    expect(await eventsOf(await ask('/api/v1/streams/t1'))).toEqual(all);
  });

  test('may name a position without the event within it, and has all events of that', async () => {
    const { ask } = stage('One two three', resumable);
    const all = await eventsOf(await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } }));
    const position = (id = ''): string => id.replace(/\..*/, '');
    for (const { id } of all) {
      const last = all.findLastIndex((event) => position(event.id) === position(id));
      const response = await ask('/api/v1/streams/t1', { headers: { 'last-event-id': position(id) } });
      if (last === all.length - 1) expect(response.status).toBe(204);
      else expect(await eventsOf(response)).toEqual(all.slice(last + 1));
    }
  });

  test('finds its turn running, although it had left', async () => {
    const pace = manualGate();
    const { ask, model } = stage({ text: 'One two', gate: pace.gate }, resumable);
    pace.release(1);
    const response = await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    const again = await ask('/api/v1/streams/t1?format=sluice');
    pace.open();
    expect(dataOf(await eventsOf(again)).map(({ type }) => type)).toEqual([
      'start',
      'content',
      'content',
      'end',
    ]);
    expect(model.calls).toHaveLength(1);
  });

  test('is told if its place is not one of the stream', async () => {
    const { ask } = stage('One', resumable);
    await (await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } })).text();
    const status = async (id: string): Promise<number> =>
      (await ask('/api/v1/streams/t1', { headers: { 'last-event-id': id } })).status;
    expect(await status('999.0')).toBe(409);
    expect(await status('abc')).toBe(400);
  });
});

describe('a turn starts once', () => {
  test('a second request with its id joins it, in plain mode, too', async () => {
    const pace = manualGate();
    const { ask, model } = stage({ text: 'One', gate: pace.gate });
    const body = { input: 'Hi', turn_id: 't1' };
    const both = [ask(STREAM, { body }), ask(RUN, { body })];
    await model.nextCall();
    pace.open();
    const [events, whole] = await Promise.all(both);
    expect(await events?.text()).toContain('"content":"One"');
    expect(await whole?.json()).toMatchObject({ output: 'One' });
    expect(model.calls).toHaveLength(1);
  });

  test('the header Idempotency-Key is such an id', async () => {
    const { ask, model } = stage(['One', 'Two']);
    const headers = { 'idempotency-key': 'k1' };
    for (let time = 0; time < 2; time++)
      expect(await (await ask(RUN, { body: { input: 'Hi' }, headers })).json()).toMatchObject({
        output: 'One',
      });
    expect(model.calls).toHaveLength(1);
  });

  test.each([{ pipeline: 'other' }, { context: { plan: 'b' } }, { max_iterations: 2 }, { input: 'Ho' }])(
    'another body under the same id is a conflict: %j',
    async (change) => {
      const [one, other] = [scripted('One'), scripted('Other')];
      const pipelines = { one: new Pipeline([provider(one)]), other: new Pipeline([provider(other)]) };
      const { fetch } = createServer(pipelines, { auth: false });
      const ask = async (body: object): Promise<unknown> => {
        const headers = { 'content-type': 'application/json' };
        const request = { method: 'POST', headers, body: JSON.stringify(body) };
        return (await fetch(new Request('http://localhost/api/v1/agent/run', request))).json();
      };
      const body = { input: 'Hi', turn_id: 't', context: { plan: 'a' }, max_iterations: 1 };
      expect(await ask(body)).toMatchObject({ output: 'One' });
      expect(await ask({ ...body, ...change })).toMatchObject({
        error: {
          code: 'conflict',
          message: 'The id of the turn was used for another request: give each request an id of its own.',
        },
      });
      expect(await ask(body)).toMatchObject({ output: 'One' });
      expect([one.calls.length, other.calls.length]).toEqual([1, 0]);
    },
  );

  test('the same id of another caller is another turn', async () => {
    const { ask } = stage(['One', 'Two']);
    const body = { input: 'Hi', turn_id: 't1' };
    expect(await (await ask(RUN, { body })).json()).toMatchObject({ output: 'One' });
    expect(await (await ask(RUN, { body, as: BOB })).json()).toMatchObject({ output: 'Two' });
  });
});

describe('in plain mode', () => {
  test('the last reader that leaves ends the turn', async () => {
    const { ask, model } = stage({ text: 'One', hang: true });
    const response = await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } });
    const call = await model.nextCall();
    const aborted = new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    await response.body?.cancel();
    await aborted;
    expect(model.openCalls).toBe(0);
  });

  test('a reader that leaves ends nothing while another one reads', async () => {
    const pace = manualGate();
    const { ask, model } = stage({ text: 'One two', gate: pace.gate });
    pace.release(1);
    const first = await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } });
    const second = await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } });
    await first.body?.cancel();
    pace.open();
    expect((await eventsOf(second)).map(({ event }) => event)).toEqual([
      ...['connected', 'content', 'content', 'complete', 'done'],
    ]);
    expect(model.calls).toHaveLength(1);
  });
});

test('streams that ended, were left or failed are open no more', async () => {
  const log = memoryLog();
  const { ask } = stage(['One', { text: 'Two', hang: true }, 'Three', 'Four'], { log });
  await (await ask(STREAM, { body: { input: 'Hi' } })).text();
  const left = await ask(STREAM, { body: { input: 'Hi' } });
  await left.body?.cancel();
  vi.spyOn(log, 'open').mockRejectedValue(new SluiceError('store', 'away', { retryable: false }));
  expect((await ask(RUN, { body: { input: 'Hi', turn_id: 't1' } })).status).toBe(503);
  expect((await ask(STREAM, { body: { input: 'Hi', turn_id: 't2' } })).status).toBe(503);
  expect(await (await ask('/metrics')).text()).toContain('\nsluice_open_streams 0\n');
});

test('a client that reads nothing is open no more when it is cut off', async () => {
  vi.useFakeTimers();
  try {
    const text = Array.from({ length: 20 }, () => 'x'.repeat(10_000));
    const { ask } = stage({ text, batchSize: 1 }, { slowClientMs: 1_000 });
    const unread = await ask(STREAM, { body: { input: 'Hi' } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await (await ask('/metrics')).text()).toContain('\nsluice_open_streams 0\n');
    await expect(unread.text()).rejects.toThrow('cut');
  } finally {
    vi.useRealTimers();
  }
});

test('a client that leaves before its answer in one piece is there cancels the turn', async () => {
  const { ask, model } = stage({ text: 'One', hang: true });
  const client = new AbortController();
  const asking = ask(RUN, { body: { input: 'Hi' }, signal: client.signal });
  const call = await model.nextCall();
  client.abort();
  await asking;
  expect(call.state).toBe('closed');
});

test("a client of OpenAI's API that leaves cancels its turn, also if streams outlive connections", async () => {
  const { ask, model } = stage({ text: 'One', hang: true }, resumable);
  const body = { model: 'agent', stream: true, messages: [{ role: 'user', content: 'Hi' }] };
  const response = await ask('/v1/chat/completions', { body });
  const call = await model.nextCall();
  await response.body?.cancel();
  expect(call.state).toBe('closed');
});

describe('a stop', () => {
  test.each([true, false])(
    'ends a stream, and its readers are told that it was stopped (resumable: %s)',
    async (isResumable) => {
      const { ask } = stage({ text: 'One', hang: true }, { resumable: isResumable });
      const body = { input: 'Hi', ...(isResumable && { turn_id: 't1' }) };
      const response = await ask(STREAM, { body });
      const id = response.headers.get('x-sluice-stream') ?? '';
      const stopped = await ask(`/api/v1/streams/${id}/stop`, { method: 'POST' });
      expect(await stopped.json()).toEqual({ status: 'pending', stream: id });
      const events = await eventsOf(response);
      expect(events.map(({ event }) => event)).toEqual(['connected', 'content', 'error', 'done']);
      expect(events[2]?.data).toContain('"reason":"stopped"');
    },
  );

  test.each([true, false])(
    'of a turn that is named ends no other one of its conversation (resumable: %s)',
    async (isResumable) => {
      const { ask, model } = stage({ text: 'One', hang: true }, { resumable: isResumable });
      const response = await ask(STREAM, { body: { input: 'Hi', conversation_id: 'c1' } });
      const stop = (body: object): Promise<Response> => ask('/api/v1/conversations/c1/stop', { body });
      expect((await stop({ stream: 'the one before' })).status).toBe(404);
      expect(model.openCalls).toBe(1);
      const stream = response.headers.get('x-sluice-stream');
      expect(await (await stop({ stream })).json()).toEqual({ status: 'pending', stream });
      await response.text();
    },
  );

  test('has a reason of one line that is not long, because others read it', async () => {
    const { ask } = stage('One');
    for (const reason of ['', 'x'.repeat(101), 'one\ntwo', '<b>'])
      expect(await codeOf(await ask('/api/v1/streams/t1/stop', { body: { reason } }))).toEqual([
        400,
        'invalid_request',
      ]);
    expect((await ask('/api/v1/streams/t1/stop', { body: { reason: 'Not now, or later.' } })).status).toBe(
      404,
    );
  });

  test('ends what runs in a conversation', async () => {
    const { ask } = stage({ text: 'One', hang: true }, resumable);
    const response = await ask(STREAM, { body: { input: 'Hi', conversation_id: 'c1' } });
    const stopped = await ask('/api/v1/conversations/c1/stop', { body: { reason: 'enough' } });
    expect(stopped.status).toBe(200);
    expect(await response.text()).toContain('"reason":"enough"');
    expect((await ask('/api/v1/conversations/c1/stop', { method: 'POST' })).status).toBe(404);
  });
});

test('a second page joins the turn that runs in a conversation', async () => {
  const pace = manualGate();
  const { ask } = stage({ text: 'One two', gate: pace.gate }, resumable);
  pace.release(1);
  const first = await ask(STREAM, { body: { input: 'Hi', conversation_id: 'c1' } });
  const read = (await (await ask('/api/v1/conversations/c1')).json()) as { running?: string };
  expect(read.running).toBe(first.headers.get('x-sluice-stream'));
  const second = await ask('/api/v1/conversations/c1/stream');
  pace.open();
  expect(await eventsOf(second)).toEqual(await eventsOf(first));
  expect((await ask('/api/v1/conversations/c1/stream')).status).toBe(204);
});

test('S2 the stream of a stranger is not there: it is neither read, nor joined, nor stopped', async () => {
  const { ask, model } = stage({ text: 'One', hang: true }, resumable);
  const response = await ask(STREAM, { body: { input: 'Hi', turn_id: 't1', conversation_id: 'c1' } });
  expect((await ask('/api/v1/streams/t1', { as: BOB })).status).toBe(404);
  expect((await ask('/api/v1/conversations/c1/stream', { as: BOB })).status).toBe(204);
  expect((await ask('/api/v1/streams/t1/stop', { as: BOB, method: 'POST' })).status).toBe(404);
  expect((await ask('/api/v1/conversations/c1/stop', { as: BOB, method: 'POST' })).status).toBe(404);
  expect(model.openCalls).toBe(1);
  await ask('/api/v1/streams/t1/stop', { method: 'POST' });
  await response.text();
});

test('S2 the turn of a stranger that ends with its connection is not stopped, neither by its id nor by its conversation', async () => {
  const { ask, model } = stage({ text: 'One', hang: true });
  const response = await ask(STREAM, { body: { input: 'Hi', conversation_id: 'c1' } });
  const id = response.headers.get('x-sluice-stream') ?? '';
  for (const path of [`/api/v1/streams/${id}/stop`, '/api/v1/conversations/c1/stop'])
    expect((await ask(path, { as: BOB, method: 'POST' })).status).toBe(404);
  expect(model.openCalls).toBe(1);
  const stopped = await ask('/api/v1/conversations/c1/stop', { method: 'POST' });
  expect(await stopped.json()).toEqual({ status: 'pending', stream: id });
  await response.text();
});

test('a page of AG-UI that joins a run and leaves gives its place back', async () => {
  const { ask } = stage({ text: 'One', hang: true }, { ...resumable, limits: { concurrentStreams: 2 } });
  const body = { threadId: 'c1', runId: 'r1', messages: [{ id: 'u1', role: 'user', content: 'Hi' }] };
  const running = await ask('/api/ag-ui', { body });
  for (let time = 0; time < 3; time++) {
    const joined = await ask('/api/ag-ui/join', { body: { ...body, runId: 'r2' } });
    expect(joined.status).toBe(200);
    await joined.body?.cancel();
  }
  await ask('/api/v1/conversations/c1/stop', { method: 'POST' });
  await running.text();
});

test('S2 two callers whose turns have one id and run at the same time each get their own', async () => {
  const pace = manualGate();
  const { ask, model } = stage(
    ['One', 'Two'].map((text) => ({ text, gate: pace.gate })),
    resumable,
  );
  const body = { input: 'Hi', turn_id: 't1' };
  const asking = [ask(RUN, { body })];
  await model.nextCall();
  asking.push(ask(RUN, { body, as: BOB }));
  await model.nextCall();
  const joined = await ask('/api/v1/streams/t1');
  pace.open();
  const [ada, bob] = await Promise.all(asking);
  expect(await joined.text()).toMatch(/"content":"One"(?!.*"content":"Two")/s);
  expect([await ada?.json(), await bob?.json()]).toMatchObject([{ output: 'One' }, { output: 'Two' }]);
});

test('another process reads and stops the stream, if it has the same log', async () => {
  const log = memoryLog();
  const one = stage({ text: 'One', hang: true }, { ...resumable, log });
  const two = stage('Other', { ...resumable, log });
  await one.ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } });
  const reading = await two.ask('/api/v1/streams/t1');
  await two.ask('/api/v1/streams/t1/stop', { method: 'POST' });
  expect((await eventsOf(reading)).map(({ event }) => event)).toEqual([
    'connected',
    'content',
    'error',
    'done',
  ]);
  expect(two.model.calls).toHaveLength(0);
});

test('a client that has all of a stream takes no place among the open ones', async () => {
  const { ask } = stage(['One', 'Two'], { ...resumable, limits: { concurrentStreams: 1 } });
  await (await ask(STREAM, { body: { input: 'Hi', turn_id: 't1' } })).text();
  const again = (): Promise<Response> => ask('/api/v1/streams/t1', { headers: { 'last-event-id': '9' } });
  for (let time = 0; time < 2; time++) expect((await again()).status).toBe(409);
  const all = (): Promise<Response> => ask('/api/v1/streams/t1', { headers: { 'last-event-id': '2.1' } });
  for (let time = 0; time < 2; time++) expect((await all()).status).toBe(204);
  expect((await ask(RUN, { body: { input: 'Hi' } })).status).toBe(200);
});

test(
  'tokens of a turn that nobody reads are counted all the same',
  inOneMinute(async () => {
    const { ask } = stage(['One', 'Two'], { ...resumable, limits: { tokensPerMinute: 20 } });
    const response = await ask(STREAM, { body: { input: 'Hi' } });
    await response.text();
    expect((await ask(RUN, { body: { input: 'Hi' } })).status).toBe(429);
  }),
);
