import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provider } from '../../../middleware/index.ts';
import { anthropic } from '../../../providers/anthropic/index.ts';
import { openai } from '../../../providers/openai/index.ts';
import { createServer } from '../../../server/index.ts';
import type { Listening } from '../../../server/index.ts';
import { Pipeline } from '../../../src/index.ts';
import { faultServer } from '../../../testing/upstream/fault-server.ts';
import type { FaultServer } from '../../../testing/upstream/fault-server.ts';
import { WIRES, plainReading, recordings, replyLines } from '../../support/recordings.ts';
import type { Wire } from '../../../testing/upstream/wires.ts';
import { sdkReadings } from './sdk-readings.ts';

const replies = WIRES.flatMap((wire) =>
  recordings(wire).flatMap(({ name, lines }) =>
    replyLines(wire, lines).map((reply, at) => ({ wire, name: `${name} ${at + 1}`, lines: reply })),
  ),
);

/** The functions that a reply calls: the client has them. */
function toolsIn(lines: readonly string[]): string[] {
  const names = new Set<string>();
  for (const line of lines) {
    const { item, content_block: block, choices } = JSON.parse(line);
    if (item?.type === 'function_call') names.add(item.name);
    if (block?.type === 'tool_use') names.add(block.name);
    for (const call of choices?.[0]?.delta?.tool_calls ?? [])
      if (call.function?.name) names.add(call.function.name);
  }
  return [...names];
}

function isReply(wire: Wire, lines: readonly string[]): boolean {
  const { error, spliced, finishReason } = plainReading(wire, lines);
  return error === undefined && !spliced && finishReason !== undefined;
}

describe('what the official client makes of a recording, and of our route in front of it', () => {
  let upstream: FaultServer;
  let listening: Listening;
  beforeAll(async () => {
    upstream = await faultServer();
    const of = (api: 'chat' | 'responses') =>
      openai({ apiKey: 'k', model: 'm', baseURL: upstream.openaiBaseURL, api });
    const entry = (model: Parameters<typeof provider>[0], name: string) => ({
      pipeline: new Pipeline([provider(model)]),
      provider: name,
    });
    listening = await createServer(
      {
        'openai-chat': entry(of('chat'), 'openai'),
        'openai-responses': entry(of('responses'), 'openai'),
        'anthropic-messages': entry(
          anthropic({ apiKey: 'k', model: 'm', baseURL: upstream.url }),
          'anthropic',
        ),
      },
      { auth: false },
    ).listen({ port: 0 });
  });
  afterAll(async () => {
    await listening.close();
    await upstream.close();
  });

  it.each(replies)('$wire/$name', async ({ wire, lines }) => {
    upstream.reset();
    const read = sdkReadings[wire];
    const tools = toolsIn(lines);
    const response = { stream: { wire, lines } };
    upstream.enqueue(response, response, response);
    const raw = await read({ url: upstream.url, tools, stream: true });
    const streamed = await read({ url: listening.url, tools, stream: true });
    const whole = await read({ url: listening.url, tools, stream: false });
    upstream.assertDrained();
    expect(whole).toEqual(streamed);
    if (!('failed' in raw) || !isReply(wire, lines)) {
      expect(streamed).toEqual(raw);
      return;
    }
    // The client cannot read what is a whole reply: one with a field that is missing, an event that is repeated, or one that is new. Ours is.
    const { text, content, blocks } = { text: '', content: '', blocks: [], ...streamed };
    const said = [text, content, ...blocks.map((block: { text?: string }) => block.text ?? '')].join('');
    expect(said).toBe(plainReading(wire, lines).text);
    expect(streamed).not.toHaveProperty('failed');
  });
});
