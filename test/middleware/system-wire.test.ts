import { Pipeline } from 'sluice';
import type { Provider } from 'sluice';
import { provider, system } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultServer, WireStream } from 'sluice/testing';
import { expect, test } from 'vitest';

const apiKey = 'none';

interface Wire {
  name: string;
  make(server: FaultServer): Provider;
  stream: WireStream;
  /** The fields of the request's body that hold the prompts, in order. */
  told: Record<string, unknown>;
}

const wires: Wire[] = [
  {
    name: 'openai chat',
    make: (server) => openai({ apiKey, baseURL: server.openaiBaseURL }),
    stream: chatStream({ text: 'Hello' }),
    told: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hi' },
      ],
    },
  },
  {
    name: 'openai responses',
    make: (server) => openai({ apiKey, baseURL: server.openaiBaseURL, api: 'responses' }),
    stream: responsesStream({ text: 'Hello' }),
    told: {},
  },
  {
    name: 'anthropic',
    make: (server) => anthropic({ apiKey, baseURL: server.anthropicBaseURL }),
    stream: messagesStream({ text: 'Hello' }),
    told: {
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'Be kind.' },
      ],
    },
  },
];

test.each(wires)('stacked system prompts reach $name in order, before the question', async (wire) => {
  await using server = await faultServer();
  server.enqueue({ stream: wire.stream });
  const pipeline = new Pipeline([system('Be brief.'), system('Be kind.'), provider(wire.make(server))]);
  const { response } = await pipeline.execute('user', 'Hi');
  expect(response.content).toBe('Hello');
  const [request] = server.requests;
  expect(request?.body).toMatchObject(wire.told);
  const said = request?.rawBody.toString() ?? '';
  const places = ['Be brief.', 'Be kind.'].map((text) => said.indexOf(text));
  expect(places[0]).toBeGreaterThan(-1);
  expect(places[1]).toBeGreaterThan(places[0] ?? 0);
});
