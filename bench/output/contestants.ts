import { createOpenAI } from '@ai-sdk/openai';
import { ChatOpenAI } from '@langchain/openai';
import { Output, streamText } from 'ai';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { openai } from 'sluice/providers/openai';
import * as z from 'zod';

/** Reads one answer to its end, and calls `seen` with each part of the object. Returns how many items the finished object has. */
export type Read = (baseURL: string, seen: (partial: unknown) => void) => Promise<number>;

const item = z.object({
  id: z.number(),
  name: z.string(),
  tags: z.array(z.string()),
  price: z.number(),
  note: z.string(),
});
const schema = z.object({ items: z.array(item) });
const PROMPT = 'List the items.';

/** Once for each address, as an application would have it. */
function once<T>(make: (baseURL: string) => T): (baseURL: string) => T {
  const made = new Map<string, T>();
  return (baseURL) => {
    const before = made.get(baseURL);
    if (before !== undefined) return before;
    const one = make(baseURL);
    made.set(baseURL, one);
    return one;
  };
}

const support = { dialect: 'openai', native: 'with-tools', tools: 'forced' } as const;
const pipelineFor = once(
  (baseURL) =>
    new Pipeline([output(), provider(openai({ baseURL, apiKey: 'none', model: 'mock', output: support }))]),
);
const aiFor = once((baseURL) => createOpenAI({ baseURL, apiKey: 'none' }).chat('mock'));
const langchainFor = once((baseURL) =>
  new ChatOpenAI({ model: 'mock', apiKey: 'none', configuration: { baseURL } }).withStructuredOutput(schema, {
    method: 'jsonSchema',
  }),
);

/** The contestants, by name. */
export const contestants: Record<string, Read> = {
  async sluice(baseURL, seen) {
    const stream = pipelineFor(baseURL).executeStream('user', PROMPT, { output: schema });
    for await (const partial of stream.partialOutput()) seen(partial);
    return (await stream.result).output?.items.length ?? 0;
  },
  /** The same without the views and the check: what the stream itself costs. */
  async 'sluice, text only'(baseURL, seen) {
    const stream = pipelineFor(baseURL).executeStream('user', PROMPT);
    for await (const piece of stream.textStream()) seen(piece);
    return (await stream.result).response.content.length;
  },
  async 'ai-sdk'(baseURL, seen) {
    const result = streamText({ model: aiFor(baseURL), prompt: PROMPT, output: Output.object({ schema }) });
    for await (const partial of result.partialOutputStream) seen(partial);
    return (await result.output).items.length;
  },
  async langchain(baseURL, seen) {
    let last: { items?: unknown[] } = {};
    for await (const partial of await langchainFor(baseURL).stream(PROMPT)) {
      last = partial;
      seen(partial);
    }
    return last.items?.length ?? 0;
  },
};
