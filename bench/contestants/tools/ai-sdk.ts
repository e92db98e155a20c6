import { createOpenAI } from '@ai-sdk/openai';
import { isStepCount, streamText, tool } from 'ai';
import type { LanguageModel } from 'ai';
import { z } from 'zod';
import { ARGUMENTS, TOOL, weatherIn } from '../../upstream/tool.ts';
import { API_KEY, MODEL, PROMPT } from '../reader.ts';
import type { Open, OpenInMemory, Reader } from '../reader.ts';

const tools = {
  [TOOL.name]: tool({
    description: TOOL.description,
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => weatherIn(city),
  }),
};

export const open: Open = ({ baseURL }) => readerOf(createOpenAI({ baseURL, apiKey: API_KEY }).chat(MODEL));

function readerOf(model: LanguageModel): Reader {
  return async function read(seen) {
    const { textStream } = streamText({ model, prompt: PROMPT, tools, stopWhen: isStepCount(10) });
    for await (const piece of textStream) seen(piece);
  };
}

/** Set up as its page on testing says, but without the default delays between chunks. */
export const openInMemory: OpenInMemory = async (pieces) => readerOf(await modelInMemory(pieces));

/** The mock model, also for others that take the models of the AI SDK. */
export async function modelInMemory(pieces: readonly string[]) {
  const { simulateReadableStream } = await import('ai');
  const { MockLanguageModelV4 } = await import('ai/test');
  const usage = {
    inputTokens: { total: 12, noCache: 12, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 20, text: 20, reasoning: undefined },
  };
  const delays = { initialDelayInMs: null, chunkDelayInMs: null };
  return new MockLanguageModelV4({
    async doStream({ prompt }) {
      if (prompt.at(-1)?.role === 'tool')
        return {
          stream: simulateReadableStream({
            ...delays,
            chunks: [
              { type: 'text-start', id: 'text-1' },
              ...pieces.map((delta) => ({ type: 'text-delta' as const, id: 'text-1', delta })),
              { type: 'text-end', id: 'text-1' },
              { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage },
            ],
          }),
        };
      const call = { toolCallId: 'call_1', toolName: TOOL.name, input: ARGUMENTS.join('') };
      return {
        stream: simulateReadableStream({
          ...delays,
          chunks: [
            { type: 'tool-input-start', id: 'call_1', toolName: TOOL.name },
            ...ARGUMENTS.map((delta) => ({ type: 'tool-input-delta' as const, id: 'call_1', delta })),
            { type: 'tool-input-end', id: 'call_1' },
            { type: 'tool-call', ...call },
            { type: 'finish', finishReason: { unified: 'tool-calls', raw: undefined }, usage },
          ],
        }),
      };
    },
  });
}
