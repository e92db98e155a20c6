import { createOpenAI } from '@ai-sdk/openai';
import { streamText } from 'ai';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const openai = createOpenAI({ baseURL, apiKey: API_KEY });
  const model = openai.chat(MODEL);

  return async function read(seen) {
    const { textStream } = streamText({ model, prompt: PROMPT });
    for await (const piece of textStream) seen(piece);
  };
};
