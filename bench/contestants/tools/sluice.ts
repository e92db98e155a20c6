import { Stream } from 'sluice';
import type { Middleware, Provider, Reply, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { openai } from 'sluice/providers/openai';
import * as z from 'zod';
import { ARGUMENTS, TOOL, weatherIn } from '../../upstream/tool.ts';
import { API_KEY, MODEL } from '../reader.ts';
import type { Open, OpenInMemory } from '../reader.ts';
import { readerOf } from '../the-five.ts';

const weather = tool({
  name: TOOL.name,
  description: TOOL.description,
  input: z.object({ city: z.string() }),
  execute: async ({ city }) => weatherIn(city),
});

/** The loop that the turn is measured with. */
export const loop = (): Middleware => tools([weather]);

export const open: Open = ({ baseURL, calls }) =>
  readerOf(provider(openai({ baseURL, apiKey: API_KEY, model: MODEL })), { calls, loop: loop() });

export const openInMemory: OpenInMemory = (pieces) =>
  readerOf(provider(modelInMemory(pieces)), { calls: 1, loop: loop() });

/** Asks for the tool, and answers if it has the result. */
function modelInMemory(pieces: readonly string[]): Provider {
  const usage = { inputTokens: 12, outputTokens: 20, totalTokens: 32 };
  const details = { cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
  const reply = { provider: 'openai', model: MODEL, usage: { ...usage, ...details } };
  const answer = pieces.map((content): StreamChunk => ({ type: 'content', content }));
  const call = { id: 'call_1', name: TOOL.name };
  const asks: StreamChunk[] = [
    ...ARGUMENTS.map((argumentsDelta): StreamChunk => ({ type: 'tool_call_delta', ...call, argumentsDelta })),
    { type: 'tool_call', ...call, arguments: { city: TOOL.city } },
  ];
  return {
    name: 'openai',
    model: MODEL,
    stream({ messages }) {
      const hasResult = messages.at(-1)?.role === 'tool';
      return hasResult
        ? Stream.from<StreamChunk, Reply>(answer, { finishReason: 'stop', ...reply })
        : Stream.from<StreamChunk, Reply>(asks, { finishReason: 'tool_calls', ...reply });
    },
  };
}
