import { Agent } from '@mastra/core/agent';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const model = { id: `mock/${MODEL}`, url: baseURL, apiKey: API_KEY } as const;
  const agent = new Agent({ id: 'bench', name: 'bench', instructions: 'Answer.', model });

  return async function read(seen) {
    const { textStream } = await agent.stream(PROMPT);
    for await (const piece of textStream) seen(piece);
  };
};
