import { Agent, OpenAIProvider, Runner } from '@openai/agents';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const modelProvider = new OpenAIProvider({ baseURL, apiKey: API_KEY, useResponses: false });
  // Its traces would be sent to OpenAI.
  const runner = new Runner({ modelProvider, tracingDisabled: true });
  const agent = new Agent({ name: 'bench', model: MODEL });

  return async function read(seen) {
    const result = await runner.run(agent, PROMPT, { stream: true });
    for await (const piece of result.toTextStream()) seen(piece);
    await result.completed;
  };
};
