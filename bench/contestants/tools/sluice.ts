import { Stream, end } from 'sluice';
import type { BatchSource, Middleware, Provider, Reply, StreamChunk } from 'sluice';
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
  const id = 'call_1';
  const { name } = TOOL;
  const asks = [
    ...ARGUMENTS.map(
      (argumentsDelta, at) => (): StreamChunk =>
        at === 0
          ? { type: 'tool_call_delta', id, name, argumentsDelta }
          : { type: 'tool_call_delta', id, argumentsDelta },
    ),
    (): StreamChunk => ({ type: 'tool_call', id, name, arguments: { city: TOOL.city } }),
  ];
  const answer = pieces.map((content) => (): StreamChunk => ({ type: 'content', content }));
  return {
    name: 'openai',
    model: MODEL,
    stream({ messages }) {
      const hasResult = messages.at(-1)?.role === 'tool';
      return Stream.fromSource(
        hasResult
          ? new OneByOne(answer, { finishReason: 'stop', ...reply })
          : new OneByOne(asks, { finishReason: 'tool_calls', ...reply }),
      );
    },
  };
}

/** Gives one chunk at a time, as the models in memory of the others do: a new object behind a promise. */
class OneByOne implements BatchSource<StreamChunk, Reply> {
  readonly #make: readonly (() => StreamChunk)[];
  readonly #reply: Reply;
  #at = 0;

  constructor(make: readonly (() => StreamChunk)[], reply: Reply) {
    this.#make = make;
    this.#reply = reply;
  }

  pull(): ReturnType<BatchSource<StreamChunk, Reply>['pull']> {
    const make = this.#make[this.#at++];
    return Promise.resolve(make === undefined ? end(this.#reply) : [make()]);
  }

  close(): void {
    this.#at = this.#make.length;
  }
}
