import { HttpAgent, type AgentSubscriber, type Message } from '@ag-ui/client';
import { EventSchema } from '@ag-ui/core/schemas';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { Accumulator, Pipeline, SluiceError } from 'sluice';
import type { StreamChunk } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware/provider';
import { retry } from 'sluice/middleware/retry';
import { tool, tools } from 'sluice/middleware/tools';
import { sseResponse } from 'sluice/server';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { agUiFormat } from '../../../../server/formats/ag-ui.ts';
import { sentError } from '../../../../server/formats/errors.ts';
import { keptItems } from '../../../../server/formats/kept-items.ts';
import { parseAgUi } from '../../../../server/requests/ag-ui.ts';
import { sseText } from '../../../../server/send/sse-text.ts';
import { liveStream } from '../../../../server/stream/live.ts';
import type { SentChunk } from '../../../../server/stream/parts.ts';
import type { SentItem } from '../../../../server/stream/sent-stream.ts';
import { dataOfFrames, framesOf } from '../folded.ts';
import { formatServer, jsonOf, type FormatServer } from '../format-server.ts';
import { CLIENT_TOOLS, randomItems } from '../random-items.ts';

const RUNS = 150;

let running: FormatServer | undefined;
let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  vi.spyOn(console, 'warn').mockImplementation((text: unknown) => void warnings.push(String(text)));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await running?.[Symbol.asyncDispose]();
  running = undefined;
});

/** Events as the client's own pipeline takes them: schemas, the verifier, and what they add up to. */
async function appliedBy(
  items: readonly SentItem[],
  before: Message[] = [],
  joinAt = 0,
): Promise<{ messages: Message[]; events: string[]; outcome: unknown; error: Error | undefined }> {
  const run = { threadId: 'thread-1', runId: 'run-1', messages: before as never, joinAt };
  const frames = framesOf(items, agUiFormat, { clientTools: CLIENT_TOOLS, run });
  for (const event of dataOfFrames(frames)) EventSchema.parse(event);
  const body = frames.map(({ frame, id }) => sseText(frame, id)).join('');
  const agent = new HttpAgent({
    url: 'http://127.0.0.1/',
    threadId: 'thread-1',
    initialMessages: structuredClone(before),
    fetch: async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
  });
  const events: string[] = [];
  let outcome: unknown;
  let error: Error | undefined;
  const subscriber: AgentSubscriber = {
    onEvent: ({ event }) => void events.push(event.type),
    onRunFinishedEvent: ({ event }) => {
      outcome = event.outcome;
    },
  };
  await agent.runAgent({ runId: 'run-1' }, subscriber).catch((thrown: unknown) => {
    error = thrown as Error;
  });
  return { messages: agent.messages, events, outcome, error };
}

function joined(items: readonly SentItem[]): Accumulator {
  const accumulator = new Accumulator();
  for (const item of keptItems(items)) if (item.type === 'chunk') accumulator.add(item.chunk);
  return accumulator;
}

function textOf(messages: readonly Message[], role: string): string {
  return messages.flatMap((message) => (message.role === role ? [message.content ?? ''] : [])).join('');
}

function callsOf(messages: readonly Message[]): { id: string; arguments: unknown }[] {
  return messages
    .flatMap((message) => (message.role === 'assistant' ? (message.toolCalls ?? []) : []))
    .map(({ id, function: { arguments: json } }) => ({ id, arguments: JSON.parse(json) as unknown }));
}

describe('random streams', () => {
  const before: Message[] = [{ id: 'u1', role: 'user', content: 'Hi' }];

  test('pass the schemas and the verifier, and add up to the joined response', async () => {
    await fc.assert(
      fc.asyncProperty(randomItems({ resets: true }), async (items) => {
        const { messages, error, events } = await appliedBy(items, before);
        const end = items.at(-1);
        const failed = end?.type === 'end' && end.end.outcome === 'failed';
        expect(events.at(-1)).toBe(failed ? 'RUN_ERROR' : 'RUN_FINISHED');
        if (!failed) expect(error).toBeUndefined();
        const whole = joined(items);
        expect(messages[0]).toEqual(before[0]);
        expect(textOf(messages, 'assistant')).toBe(whole.content);
        expect(textOf(messages, 'reasoning')).toBe(whole.thinking);
        const calls = whole.toolCalls.map(({ id, arguments: args }) => ({ id, arguments: args }));
        const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
        expect(callsOf(messages).sort(byId)).toEqual(calls.sort(byId));
        expect(warnings).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test('give a client that joins anywhere what one has that was there from the beginning', async () => {
    await fc.assert(
      fc.asyncProperty(randomItems({ resets: true }), fc.nat(40), async (items, place) => {
        const joinAt = place % (items.length - 1);
        const whole = await appliedBy(items, before);
        const late = await appliedBy(items, before, joinAt);
        const shown = (messages: Message[]): unknown[] =>
          messages
            .filter(({ role, content }) => role !== 'reasoning' || content !== '')
            .sort((a, b) => (a.id < b.id ? -1 : 1));
        expect(shown(late.messages)).toEqual(shown(whole.messages));
        expect(late.outcome).toEqual(whole.outcome);
        expect(late.events[0]).toBe('RUN_STARTED');
      }),
      { numRuns: RUNS },
    );
  });

  test('go on after a cut behind any event with the same events', () => {
    fc.assert(
      fc.property(randomItems({ resets: true }), (items) => {
        const all = framesOf(items, agUiFormat, { clientTools: CLIENT_TOOLS });
        all.forEach(({ id }, at) => {
          expect(framesOf(items, agUiFormat, { clientTools: CLIENT_TOOLS }, id)).toEqual(all.slice(at + 1));
        });
      }),
      { numRuns: 40 },
    );
  });
});

/** Items of chunks, with an end. */
function itemsOf(...chunks: (StreamChunk & { call: number })[]): SentItem[] {
  const items: SentItem[] = [{ type: 'start', start: { turnId: 't1', startedAt: 0 } }];
  chunks.forEach((chunk, index) => {
    items.push({ type: 'chunk', chunk: { ...chunk, index } as SentChunk, position: index + 1, at: 1 });
  });
  const end = { outcome: 'completed', finishReason: 'stop' } as const;
  return [...items, { type: 'end', end, position: items.length, at: 1 }];
}

test.each([0, 4])(
  'a snapshot has results after their call, in the order in which they came (joined at %i)',
  async (joinAt) => {
    const { messages } = await appliedBy(
      itemsOf(
        { type: 'tool_call', id: 'a', name: 'search', arguments: {}, call: 1 },
        { type: 'tool_call', id: 'b', name: 'search', arguments: {}, call: 1 },
        { type: 'tool_result', id: 'b', name: 'search', content: 'of b', isError: false, call: 1 },
        { type: 'tool_result', id: 'a', name: 'search', content: 'of a', isError: false, call: 1 },
        { type: 'content', content: 'Void.', call: 2 },
        { type: 'reset', from: 2, calls: [2], reason: 'again', call: 2 },
        { type: 'content', content: 'Good.', call: 3 },
      ),
      [],
      joinAt,
    );
    const said = messages
      .filter(({ role }) => role !== 'reasoning')
      .map(({ role, content }) => [role, content]);
    expect(said).toEqual([
      ['assistant', undefined],
      ['tool', 'of b'],
      ['tool', 'of a'],
      ['assistant', 'Good.'],
    ]);
  },
);

test('a result of a call that was not shown is not shown', async () => {
  const { messages } = await appliedBy(
    itemsOf(
      { type: 'tool_result', id: 'inner', name: 'look', content: 'secret', isError: false, call: 1 },
      { type: 'content', content: 'Good.', call: 1 },
    ),
  );
  expect(messages.map(({ role }) => role)).toEqual(['assistant']);
});

test('a call that a layer has changed after it was shown is corrected by a snapshot', async () => {
  const { messages } = await appliedBy(
    itemsOf(
      { type: 'tool_call_delta', id: 'a', name: 'look', argumentsDelta: '{"at":1}', call: 1 },
      { type: 'tool_call', id: 'a', name: 'look', arguments: { at: 2 }, call: 1 },
    ),
  );
  expect(callsOf(messages)).toEqual([{ id: 'a', arguments: { at: 2 } }]);
});

const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => ({ city, degrees: -3 }),
});
let refunds = 0;
const refund = tool({
  name: 'refund',
  description: 'Pays money back',
  input: z.object({ amount: z.number() }),
  needsApproval: () => ({ reason: 'It is money', expiresInMs: 3_600_000 }),
  execute: ({ amount }) => {
    refunds += 1;
    return `paid ${amount}`;
  },
});

/** A server with a session for each thread, or with none. */
async function serving(
  session: boolean,
  ...answers: ScriptedAnswer[]
): Promise<{ agent: HttpAgent; model: ScriptedProvider }> {
  const model = scripted(answers);
  const retries = retry({ maxRetries: 1, backoff: constant(0), afterContent: 'reset' });
  const pipeline = new Pipeline([tools(session ? [weather, refund] : [weather]), retries, provider(model)]);
  running = await formatServer((app) => {
    app.post('/agent', async (c) => {
      try {
        const asked = parseAgUi(await c.req.json(), { session, ownTools: new Set(['weather', 'refund']) });
        const turnId = asked.turnId ?? crypto.randomUUID();
        const key = { owner: 'u1', id: asked.threadId };
        const stream = session
          ? pipeline.executeStreamWithContext(key, asked.input, { ...asked.options, turnId })
          : pipeline.executeStream(asked.input, asked.options);
        return await sseResponse(liveStream(stream, { turnId: `run-for-${turnId}` }), {
          format: agUiFormat,
          encoder: asked.encoder,
          signal: c.req.raw.signal,
        });
      } catch (error) {
        return jsonOf(agUiFormat.error(sentError(error), 'req_1'));
      }
    });
  });
  return { agent: new HttpAgent({ url: `${running.url}/agent`, threadId: 'thread-1' }), model };
}

function userSays(agent: HttpAgent, content: string): void {
  agent.addMessage({ id: `user-${agent.messages.length}`, role: 'user', content });
}

/** The messages without their ids. */
function said(agent: HttpAgent): Record<string, unknown>[] {
  return agent.messages.map((message) => {
    const { id: _id, ...rest } = message as unknown as Record<string, unknown>;
    return rest;
  });
}

describe('the official agent', () => {
  test('streams reasoning, text, a tool of the server and its result', async () => {
    const { agent } = await serving(
      false,
      {
        thinking: ['Hm.'],
        text: ['Let me look.'],
        toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }],
      },
      'It is cold.',
    );
    userSays(agent, 'Oslo?');
    const usage: unknown[] = [];
    await agent.runAgent(
      {},
      { onRunFinishedEvent: ({ event }) => void usage.push(event.usage, event.outcome) },
    );
    expect(said(agent)).toMatchObject([
      { role: 'user', content: 'Oslo?' },
      { role: 'reasoning', content: 'Hm.' },
      {
        role: 'assistant',
        content: 'Let me look.',
        toolCalls: [{ type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }],
      },
      { role: 'tool', content: '{"city":"Oslo","degrees":-3}' },
      { role: 'assistant', content: 'It is cold.' },
    ]);
    expect(usage).toMatchObject([
      [{ inputTokens: 24, outputTokens: 16, totalTokens: 40 }],
      { type: 'success' },
    ]);
    expect(warnings).toEqual([]);
  });

  test('runs a tool of its own: the call is named as pending, and the next run has the result', async () => {
    const { agent, model } = await serving(
      false,
      { toolCalls: [{ id: 'c1', name: 'color', arguments: { question: 'Which?' } }] },
      'Blue it is.',
    );
    userSays(agent, 'Paint it.');
    const color = { name: 'color', description: 'Asks', parameters: { type: 'object', properties: {} } };
    let pending: readonly string[] = [];
    await agent.runAgent(
      { tools: [color] },
      {
        onRunFinishedEvent: (finished) => {
          if (finished.outcome === 'success') pending = finished.pendingToolCallIds;
        },
      },
    );
    expect(pending).toEqual([callsOf(agent.messages)[0]?.id]);
    agent.addMessage({ id: 'r1', role: 'tool', toolCallId: String(pending[0]), content: 'blue' });
    await agent.runAgent({ tools: [color] });
    expect(said(agent).at(-1)).toMatchObject({ role: 'assistant', content: 'Blue it is.' });
    expect(model.requests[0]?.tools?.map(({ name }) => name)).toContain('color');
    expect(model.requests[1]?.messages.at(-1)?.content).toMatchObject([{ name: 'color', content: 'blue' }]);
  });

  test.each([true, false])('answers an interrupt, and the turn goes on (approved: %s)', async (approved) => {
    refunds = 0;
    const { agent, model } = await serving(
      true,
      { text: ['One moment.'], toolCalls: [{ name: 'refund', arguments: { amount: 80 } }] },
      'Done.',
    );
    userSays(agent, 'My money!');
    await agent.runAgent();
    const [interrupt] = agent.pendingInterrupts;
    expect(interrupt).toMatchObject({
      reason: 'tool_approval',
      message: 'It is money',
      toolCallId: callsOf(agent.messages)[0]?.id,
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const payload = approved ? { approved } : { approved, reason: 'Too much' };
    await agent.runAgent({
      resume: [{ interruptId: String(interrupt?.id), status: 'resolved', payload }],
    });
    expect(refunds).toBe(approved ? 1 : 0);
    expect(said(agent)).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'One moment.', toolCalls: [{ function: { name: 'refund' } }] },
      { role: 'tool', content: expect.stringContaining(approved ? 'paid 80' : 'Too much') },
      { role: 'assistant', content: 'Done.' },
    ]);
    expect(agent.pendingInterrupts).toEqual([]);
    userSays(agent, 'Thanks.');
    model.enqueue('Welcome.');
    await agent.runAgent();
    const asked = model.requests.at(-1)?.messages.filter(({ role }) => role === 'user');
    expect(asked?.map(({ content }) => content)).toEqual(['My money!', 'Thanks.']);
  });

  test('loses the text and the reasoning that a reset voids', async () => {
    const error = new SluiceError('network', 'Cut.');
    const { agent } = await serving(
      false,
      { thinking: ['Wrong.'], text: ['A bad start'], after: 3, error },
      'A good one.',
    );
    userSays(agent, 'Go.');
    const events: string[] = [];
    await agent.runAgent({}, { onEvent: ({ event }) => void events.push(event.type) });
    expect(events).toContain('MESSAGES_SNAPSHOT');
    expect(textOf(agent.messages, 'assistant')).toBe('A good one.');
    expect(textOf(agent.messages, 'reasoning')).toBe('');
    expect(textOf(agent.messages, 'user')).toBe('Go.');
  });

  test('gets an error as RUN_ERROR with its code, and of a wrong request by a status', async () => {
    const { agent } = await serving(false, {
      ...{ text: 'One two', after: 1 },
      error: new SluiceError('permission', 'A secret.'),
    });
    userSays(agent, 'Count.');
    const errors: unknown[] = [];
    await agent.runAgent({}, { onRunErrorEvent: ({ event }) => void errors.push(event.code, event.message) });
    expect(errors).toEqual(['permission', 'The provider did not permit the request.']);
    expect(textOf(agent.messages, 'assistant')).toBe('One ');
    const clash = { name: 'weather', description: 'w', parameters: {} };
    await expect(agent.runAgent({ tools: [clash] })).rejects.toMatchObject({
      status: 400,
      payload: { error: { field: 'tools[0].name' } },
    });
  });
});
