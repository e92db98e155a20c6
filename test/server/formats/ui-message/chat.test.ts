import * as ai7 from 'ai';
import * as ai5 from 'ai-5';
import * as ai6 from 'ai-6';
import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Pipeline, SluiceError } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { tool, tools } from 'sluice/middleware/tools';
import { sseResponse } from 'sluice/server';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { sentError } from '../../../../server/formats/errors.ts';
import { uiMessageFormat } from '../../../../server/formats/ui-message.ts';
import { parseUiMessages } from '../../../../server/requests/ui-message.ts';
import { liveStream } from '../../../../server/stream/live.ts';
import type { SentItem, SentStream } from '../../../../server/stream/sent-stream.ts';
import { formatServer, itemsOf, jsonOf, type FormatServer } from '../format-server.ts';

let running: FormatServer | undefined;
afterEach(async () => {
  await running?.[Symbol.asyncDispose]();
  running = undefined;
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
  needsApproval: () => ({ reason: 'It is money' }),
  execute: ({ amount }) => {
    refunds += 1;
    return `paid ${amount}`;
  },
});
const color = tool({
  name: 'color',
  description: 'Asks the user for a color',
  input: z.object({ question: z.string() }),
});

type Version = 5 | 6 | 7;

interface Served {
  url: string;
  model: ScriptedProvider;
  pipeline: Pipeline;
  /** The items of the last stream. */
  last: () => readonly SentItem[];
}

/** A server with a session for each chat, and the last turn of each to be read again. */
async function serving(version: Version, ...answers: ScriptedAnswer[]): Promise<Served> {
  const model = scripted(answers);
  const pipeline = new Pipeline([tools([weather, refund, color]), provider(model)]);
  let last: SentItem[] = [];
  running = await formatServer((app) => {
    app.post('/api/chat', async (c) => {
      try {
        const settings = { session: true, version, clientTools: ['color'] };
        const asked = parseUiMessages(await c.req.json(), settings);
        const key = { owner: 'u1', id: asked.chatId ?? 'none' };
        const turnId = asked.turnId ?? crypto.randomUUID();
        const stream =
          asked.action === 'regenerate'
            ? pipeline.executeStreamWithContext(key, [])
            : pipeline.executeStreamWithContext(key, asked.input, { ...asked.options, turnId });
        last = await itemsOf(liveStream(stream, { turnId }));
        return await sseResponse(again(last), {
          format: uiMessageFormat,
          encoder: asked.encoder,
          headers: { ...uiMessageFormat.headers },
        });
      } catch (error) {
        return jsonOf(uiMessageFormat.error(sentError(error), 'req_1'));
      }
    });
    app.get('/api/chat/:id/stream', async (c) => {
      if (c.req.param('id') !== 'running') return c.body(null, 204);
      return sseResponse(again(last), { format: uiMessageFormat, encoder: { version } });
    });
  });
  return { url: running.url, model, pipeline, last: () => last };
}

function again(items: readonly SentItem[]): SentStream {
  let rest: SentItem[] | undefined = [...items];
  return {
    next: async () => {
      const given = rest;
      rest = undefined;
      return given;
    },
    close: async () => undefined,
  };
}

interface ChatOptions {
  id?: string;
  body?: object;
  onToolCall?: (call: { toolName: string; toolCallId: string; dynamic?: boolean }) => void;
  sendAutomaticallyWhen?: (options: { messages: never[] }) => boolean;
  messages?: unknown[];
}

type Chat = ai7.AbstractChat<ai7.UIMessage>;

const MAJORS = { 5: ai5, 6: ai6, 7: ai7 } as unknown as Record<Version, typeof ai7>;

/** A chat as `useChat` has it, without a page. */
function chatOf(version: Version, url: string, options: ChatOptions = {}): Chat {
  const { AbstractChat, DefaultChatTransport } = MAJORS[version];
  class PlainChat extends AbstractChat<ai7.UIMessage> {}
  const messages: ai7.UIMessage[] = [...((options.messages ?? []) as ai7.UIMessage[])];
  const state = {
    status: 'ready' as const,
    error: undefined,
    messages,
    pushMessage(message: ai7.UIMessage) {
      this.messages = [...this.messages, message];
    },
    popMessage() {
      this.messages = this.messages.slice(0, -1);
    },
    replaceMessage(at: number, message: ai7.UIMessage) {
      this.messages = this.messages.map((one, index) => (index === at ? structuredClone(message) : one));
    },
    snapshot: <T>(thing: T): T => structuredClone(thing),
  };
  const { onToolCall } = options;
  return new PlainChat({
    id: options.id ?? 'chat-1',
    state,
    transport: new DefaultChatTransport({
      api: `${url}/api/chat`,
      ...(options.body && { body: options.body }),
    }),
    ...(onToolCall && {
      onToolCall: ({ toolCall }) => onToolCall(toolCall),
    }),
    ...(options.sendAutomaticallyWhen && { sendAutomaticallyWhen: options.sendAutomaticallyWhen as never }),
  });
}

/** The parts of the last message, without what differs between the majors. */
function partsOf(chat: Chat): Record<string, unknown>[] {
  const parts = chat.messages.at(-1)?.parts ?? [];
  return parts.map((part) => {
    const { id: _id, ...rest } = JSON.parse(JSON.stringify(part)) as Record<string, unknown>;
    return rest;
  });
}

async function idle(chat: Chat): Promise<void> {
  await expect.poll(() => chat.status).toBe('ready');
}

describe.each([5, 6, 7] as const)('a chat of ai %i', (version) => {
  test('shows thinking, text, a tool of the server with its result, and the text after it in a step of its own', async () => {
    const { url, model } = await serving(
      version,
      {
        thinking: ['Hm.'],
        text: ['Let me look.'],
        toolCalls: [{ id: 'c1', name: 'weather', arguments: { city: 'Oslo' } }],
      },
      'It is cold.',
      'You asked about Oslo.',
    );
    const called: string[] = [];
    const chat = chatOf(version, url, { onToolCall: ({ toolName }) => called.push(toolName) });
    await chat.sendMessage({ text: 'Oslo?' });
    expect(chat.error).toBeUndefined();
    expect(partsOf(chat)).toMatchObject([
      { type: 'step-start' },
      { type: 'reasoning', text: 'Hm.', state: 'done' },
      { type: 'text', text: 'Let me look.', state: 'done' },
      {
        type: 'dynamic-tool',
        toolName: 'weather',
        state: 'output-available',
        input: { city: 'Oslo' },
        output: { city: 'Oslo', degrees: -3 },
      },
      { type: 'step-start' },
      { type: 'text', text: 'It is cold.', state: 'done' },
    ]);
    await chat.sendMessage({ text: 'What did I ask?' });
    expect(partsOf(chat)).toMatchObject([
      { type: 'step-start' },
      { type: 'text', text: 'You asked about Oslo.' },
    ]);
    expect(new Set(chat.messages.map(({ id }) => id)).size).toBe(4);
    // Only the new message went into the session; the rest was there.
    const texts = model.requests[2]?.messages.flatMap(({ role, content }) =>
      role === 'user' ? [content] : [],
    );
    expect(texts).toEqual(['Oslo?', 'What did I ask?']);
  });

  test('runs a tool of the page, and the turn goes on with its result', async () => {
    const { url, model } = await serving(
      version,
      { toolCalls: [{ id: 'c1', name: 'color', arguments: { question: 'Which?' } }] },
      'Blue it is.',
    );
    const chat: Chat = chatOf(version, url, {
      sendAutomaticallyWhen: MAJORS[version].lastAssistantMessageIsCompleteWithToolCalls,
    });
    await chat.sendMessage({ text: 'Paint it.' });
    const asked = partsOf(chat).at(-1);
    expect(asked).toMatchObject({
      type: 'tool-color',
      state: 'input-available',
      input: { question: 'Which?' },
    });
    await chat.addToolOutput({
      tool: 'color',
      toolCallId: String(asked?.['toolCallId']),
      output: 'blue',
    });
    await expect
      .poll(() => partsOf(chat).at(-1))
      .toMatchObject({ type: 'text', text: 'Blue it is.', state: 'done' });
    await idle(chat);
    expect(chat.messages).toHaveLength(2);
    expect(partsOf(chat).filter(({ type }) => type === 'tool-color')).toMatchObject([
      { state: 'output-available', output: 'blue' },
    ]);
    expect(model.requests[1]?.messages.at(-1)?.content).toMatchObject([{ name: 'color', content: 'blue' }]);
  });

  test('gets an error, and keeps what was said', async () => {
    const error = new SluiceError('overloaded', 'A secret.');
    const { url } = await serving(version, { text: 'One two', after: 1, error });
    const chat = chatOf(version, url);
    await chat.sendMessage({ text: 'Count.' });
    expect(chat.status).toBe('error');
    expect(chat.error?.message).toBe('The provider is overloaded.');
    expect(partsOf(chat).at(-1)).toMatchObject({ type: 'text', text: 'One ' });
  });

  test('resumes with the whole message under its id, and with nothing if nothing runs', async () => {
    const { url, last } = await serving(version, 'A long answer.');
    const first = chatOf(version, url, { id: 'running' });
    await first.sendMessage({ text: 'Go.' });
    const page = chatOf(version, url, { id: 'running', messages: first.messages.slice(0, 1) });
    await page.resumeStream();
    expect(page.messages.at(-1)?.id).toBe(first.messages.at(-1)?.id);
    expect(partsOf(page)).toEqual(partsOf(first));
    expect(last()).not.toHaveLength(0);
    const none = chatOf(version, url, { id: 'other', messages: first.messages });
    await none.resumeStream();
    expect(none.messages).toEqual(first.messages);
    expect(none.status).toBe('ready');
  });

  test('makes the last reply anew', async () => {
    const { url } = await serving(version, 'First.', 'Second.');
    const chat = chatOf(version, url);
    await chat.sendMessage({ text: 'Hi' });
    await chat.regenerate();
    expect(chat.messages).toHaveLength(2);
    expect(partsOf(chat).at(-1)).toMatchObject({ type: 'text', text: 'Second.' });
  });
});

describe.each([6, 7] as const)('approval in a chat of ai %i', (version) => {
  const calls: ScriptedAnswer = { toolCalls: [{ id: 'c1', name: 'refund', arguments: { amount: 80 } }] };

  test.each([true, false])(
    'is asked for, and the turn goes on in the same message (approved: %s)',
    async (approved) => {
      refunds = 0;
      const { url, model } = await serving(version, calls, 'Done.');
      const chat: Chat = chatOf(version, url, {
        sendAutomaticallyWhen: MAJORS[version].lastAssistantMessageIsCompleteWithApprovalResponses,
      });
      await chat.sendMessage({ text: 'My money!' });
      const [part] = partsOf(chat).filter(({ type }) => type === 'dynamic-tool');
      expect(part).toMatchObject({ toolName: 'refund', state: 'approval-requested', input: { amount: 80 } });
      const { id } = part?.['approval'] as { id: string };
      await chat.addToolApprovalResponse({ id, approved, ...(!approved && { reason: 'Too much' }) });
      await expect
        .poll(() => partsOf(chat).at(-1))
        .toMatchObject({ type: 'text', text: 'Done.', state: 'done' });
      await idle(chat);
      expect(chat.messages).toHaveLength(2);
      expect(refunds).toBe(approved ? 1 : 0);
      expect(partsOf(chat).filter(({ type }) => type === 'dynamic-tool')).toMatchObject([
        approved ? { state: 'output-available', output: 'paid 80' } : { state: 'output-denied' },
      ]);
      const told = JSON.stringify(model.requests[1]?.messages.at(-1)?.content);
      expect(told).toContain(approved ? 'paid 80' : 'Too much');
    },
  );
});

test('approval in a chat of ai 5 is a data part, and the decision a field of the request', async () => {
  refunds = 0;
  const { url } = await serving(
    5,
    { toolCalls: [{ id: 'c1', name: 'refund', arguments: { amount: 80 } }] },
    'Done.',
  );
  const chat = chatOf(5, url);
  await chat.sendMessage({ text: 'My money!' });
  const waiting = partsOf(chat).find(({ type }) => type === 'data-approval');
  expect(waiting?.['data']).toMatchObject({
    toolName: 'refund',
    input: { amount: 80 },
    reason: 'It is money',
  });
  const { toolCallId } = waiting?.['data'] as { toolCallId: string };
  await chat.sendMessage(undefined, { body: { decisions: { [toolCallId]: { approve: true } } } });
  expect(chat.error).toBeUndefined();
  expect(refunds).toBe(1);
  expect(partsOf(chat).at(-1)).toMatchObject({ type: 'text', text: 'Done.' });
  expect(partsOf(chat).filter(({ type }) => type === 'dynamic-tool')).toMatchObject([
    { state: 'output-available', output: 'paid 80' },
  ]);
});
