import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { z } from 'zod';
import { TOOL, weatherIn } from '../../upstream/tool.ts';
import { API_KEY, MODEL, PROMPT } from '../reader.ts';
import type { Open, OpenInMemory, Reader } from '../reader.ts';
import { modelInMemory } from './ai-sdk.ts';

const weather = createTool({
  id: TOOL.name,
  description: TOOL.description,
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => weatherIn(city),
});

export const open: Open = ({ baseURL }) =>
  readerOf({ id: `mock/${MODEL}`, url: baseURL, apiKey: API_KEY } as const);

type Model = ConstructorParameters<typeof Agent>[0]['model'];

/** It takes the models of the AI SDK, so also its mock model, whose type it does not accept. */
export const openInMemory: OpenInMemory = async (pieces) =>
  readerOf((await modelInMemory(pieces)) as unknown as Model);

function readerOf(model: Model): Reader {
  const tools = { [TOOL.name]: weather };
  const agent = new Agent({ id: 'bench', name: 'bench', instructions: 'Answer.', model, tools });

  return async function read(seen) {
    const { textStream } = await agent.stream(PROMPT, { maxSteps: 10 });
    for await (const piece of textStream) seen(piece);
  };
}
