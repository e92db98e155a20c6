import { openAICompatible } from '@genkit-ai/compat-oai';
import { genkit } from 'genkit';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const ai = genkit({ plugins: [openAICompatible({ name: 'mock', apiKey: API_KEY, baseURL })] });

  return async function read(seen) {
    const { stream, response } = ai.generateStream({ model: `mock/${MODEL}`, prompt: PROMPT });
    for await (const chunk of stream) if (chunk.text !== '') seen(chunk.text);
    await response;
  };
};
