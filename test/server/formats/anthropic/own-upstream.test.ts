import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Pipeline } from 'sluice';
import { provider, system } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { anthropic } from 'sluice/providers/anthropic';
import { createServer } from 'sluice/server';
import type { Listening } from 'sluice/server';
import { faultServer, messagesStream, scripted } from 'sluice/testing';
import type { FaultServer } from 'sluice/testing';
import { parseAnthropicMessages } from '../../../../server/requests/anthropic-messages.ts';

let upstream: FaultServer;
let listening: Listening;
let client: Anthropic;

const clock = tool({ name: 'clock', description: 'The time', input: z.object({}), execute: () => 'noon' });

beforeEach(async () => {
  upstream = await faultServer();
  const model = anthropic({ apiKey: 'k', baseURL: upstream.url });
  const layers = [system('Be kind.'), provider(model)];
  const pipeline = new Pipeline([tools([clock]), ...layers]);
  const plain = new Pipeline(layers);
  listening = await createServer(
    { claude: { pipeline, provider: 'anthropic' }, plain: { pipeline: plain, provider: 'anthropic' } },
    { auth: false },
  ).listen({
    port: 0,
  });
  client = new Anthropic({ baseURL: listening.url, apiKey: 'k', maxRetries: 0 });
});
afterEach(async () => {
  await listening.close();
  await upstream.close();
});

const cached = { cache_control: { type: 'ephemeral' } };

/** What a coding agent sends in its second round: a search for tools has found one. */
const AGENT = {
  model: 'claude',
  max_tokens: 32_000,
  stream: true,
  system: [
    { type: 'text', text: 'You are an agent.' },
    { type: 'text', text: 'Work.', ...cached },
  ],
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Make a file.' }] },
    { role: 'system', content: [{ type: 'text', text: 'You are in /work.' }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'A tool is wanted.', signature: 'EqQB' },
        { type: 'tool_use', id: 'toolu_1', name: 'ToolSearch', input: { query: 'write' } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          ...{ type: 'tool_result', tool_use_id: 'toolu_1', ...cached },
          content: [{ type: 'tool_reference', tool_name: 'Write' }],
        },
      ],
    },
  ],
  tools: [
    { name: 'ToolSearch', description: 'Finds tools', input_schema: { type: 'object' } },
    { name: 'Write', input_schema: { type: 'object' }, defer_loading: true },
    { type: 'bash_20250124', name: 'bash' },
    { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
  ],
  thinking: { type: 'adaptive', display: 'omitted' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  output_config: { effort: 'high' },
  metadata: { user_id: 'u1' },
};

/** The same as it must arrive: a layer has added its own words, the breakpoint of the system prompt is behind them, and nothing else is another. */
const ARRIVED = {
  ...AGENT,
  model: expect.any(String),
  system: [
    { type: 'text', text: 'You are an agent.' },
    { type: 'text', text: 'Work.' },
    { type: 'text', text: 'Be kind.', ...cached },
  ],
};

async function sent(body: object): Promise<Record<string, unknown>> {
  upstream.enqueue({ stream: messagesStream({ text: 'Done.' }) });
  const response = await fetch(`${listening.url}/v1/messages?beta=true`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'x-api-key': 'k', 'anthropic-version': '2023-06-01' },
      'anthropic-beta': 'context-management-2025-06-27,advanced-tool-use-2025-11-20',
    },
    body: JSON.stringify(body),
  });
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('message_stop')]);
  return upstream.requests.at(-1)?.body as Record<string, unknown>;
}

describe("a pipeline in front of Anthropic's API", () => {
  test("gets a coding agent's request there as it came", async () => {
    expect(await sent(AGENT)).toEqual(ARRIVED);
    expect(upstream.requests[0]?.headers['anthropic-beta']).toBe(
      'context-management-2025-06-27,advanced-tool-use-2025-11-20',
    );
  });

  test.each([
    ['an empty signature', { signature: '' }],
    ['no signature', {}],
    ['null for a signature', { signature: null }],
  ])('gets no thinking with %s, which the API refuses', async (_what, unsigned) => {
    const thinking = { type: 'thinking', thinking: 'Of another model.', ...unsigned };
    const said = (content: unknown): object[] => [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content },
      { role: 'user', content: 'Well?' },
    ];
    const ask = { model: 'claude', max_tokens: 99, stream: true };
    const { messages } = await sent({ ...ask, messages: said([thinking, { type: 'text', text: 'Yes.' }]) });
    expect(messages).toMatchObject([
      {},
      { role: 'assistant', content: [{ type: 'text', text: 'Yes.' }] },
      {},
    ]);
    // Nothing else in the answer: the two messages of the user are left.
    const rest = await sent({ ...ask, messages: said([thinking]) });
    expect(JSON.stringify(rest['messages'])).not.toContain('thinking');
    // Another API is told the text alone.
    const { input } = parseAnthropicMessages({ ...ask, messages: said([thinking]) }, new Headers());
    expect(input).toMatchObject([{}, { content: [{ type: 'thinking', text: 'Of another model.' }] }, {}]);
    expect(JSON.stringify(input)).not.toContain('block');
  });

  test('lets the client run the tools of the API that a client runs', async () => {
    upstream.enqueue({
      stream: messagesStream({ toolCalls: [{ name: 'bash', arguments: { command: 'ls' } }] }),
    });
    const { content, stop_reason } = await client.messages.create({
      ...{ model: 'claude', max_tokens: 99, messages: [{ role: 'user', content: 'Hi' }] },
      tools: [{ type: 'bash_20250124', name: 'bash' }],
    });
    expect([content, stop_reason]).toMatchObject([
      [{ type: 'tool_use', name: 'bash', input: { command: 'ls' } }],
      'tool_use',
    ]);
    expect(upstream.requests).toHaveLength(1);
  });

  test('shows who has called, and sends it back', async () => {
    const caller = { type: 'code_execution_20250825', tool_id: 'srvtoolu_1' };
    const call = { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Rome' }, caller };
    const { lines } = messagesStream({
      toolCalls: [{ id: 'toolu_1', name: 'weather', arguments: { city: 'Rome' } }],
    });
    upstream.enqueue({
      stream: {
        wire: 'anthropic-messages',
        lines: lines.map((line) =>
          line.replace('"type":"tool_use"', `"type":"tool_use","caller":${JSON.stringify(caller)}`),
        ),
      },
    });
    const asked = {
      ...{ model: 'plain', max_tokens: 99, messages: [{ role: 'user' as const, content: 'Hi' }] },
      tools: [{ name: 'weather', input_schema: { type: 'object' as const } }],
    };
    const { content } = await client.messages.stream(asked).finalMessage();
    expect(content).toEqual([call]);
    const messages = [
      ...asked.messages,
      { role: 'assistant', content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'rain' }] },
    ];
    const { messages: arrived } = await sent({ ...asked, messages, stream: true });
    expect(arrived).toMatchObject([{ role: 'user' }, { content: [call] }, { role: 'user' }]);
  });
});

test("a client that wants no text of thinking gets its signature, if another API's has one", async () => {
  const sealed = {
    provider: 'openai.responses',
    data: { type: 'reasoning', id: 'r1', encrypted_content: 'gA' },
  };
  const model = scripted({
    chunks: [
      { type: 'thinking', content: 'Hm.' },
      { type: 'thinking', content: '', block: sealed },
      { type: 'content', content: 'Yes.' },
    ],
    finishReason: 'stop',
  });
  await using other = await createServer({ gpt: new Pipeline([provider(model)]) }, { auth: false }).listen({
    port: 0,
  });
  const { content } = await new Anthropic({ baseURL: other.url, apiKey: 'k' }).messages.create({
    ...{ model: 'gpt', max_tokens: 99, messages: [{ role: 'user', content: 'Hi' }] },
    thinking: { type: 'adaptive', display: 'omitted' },
  });
  expect(content).toMatchObject([
    { type: 'thinking', thinking: '', signature: expect.stringContaining('gA') },
    { type: 'text', text: 'Yes.' },
  ]);
});
