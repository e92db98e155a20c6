import { Pipeline } from 'sluice';
import type { Provider } from 'sluice';
import { contextWindow } from 'sluice/middleware/context-window';
import { provider } from 'sluice/middleware/provider';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultServer, WireStream } from 'sluice/testing';
import { expect, test } from 'vitest';
import { chat } from './support.ts';

interface Wired {
  provider(server: FaultServer): Provider;
  stream(text: string): WireStream;
}

const wires: Record<string, Wired> = {
  'anthropic with a budget for thinking': {
    provider: ({ anthropicBaseURL: baseURL }) =>
      anthropic({
        model: 'claude-haiku-4-5',
        apiKey: 'test',
        baseURL,
        thinking: { budgetTokens: 10_000 },
        strict: true,
      }),
    stream: (text) => messagesStream({ text }),
  },
  'chat of openai': {
    provider: ({ openaiBaseURL: baseURL }) =>
      openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL, api: 'chat', strict: true }),
    stream: (text) => chatStream({ text }),
  },
  'responses of openai': {
    provider: ({ openaiBaseURL: baseURL }) =>
      openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL, api: 'responses', strict: true }),
    stream: (text) => responsesStream({ text }),
  },
};

test.each(Object.entries(wires))(
  '%s: a summary is neither warned of nor refused because of a parameter that nobody asked for',
  async (_, wire) => {
    await using server = await faultServer();
    server.enqueue({ stream: wire.stream('so far') }, { stream: wire.stream('the answer') });
    const summary = { maxTokens: 40, instructions: 'Sum up.' };
    const window = contextWindow({ maxTokens: 600, strategy: 'summarize', counter: 'heuristic', summary });
    const pipeline = new Pipeline([window, provider(wire.provider(server))]);
    const { response, warnings } = await pipeline.execute(chat(15));
    expect([response.content, warnings]).toEqual(['the answer', []]);
    expect(server.requests).toHaveLength(2);
  },
);
