import { createOpenAI } from '@ai-sdk/openai';
import { aisdk } from 'sluice/interop/aisdk';
import { directCall } from 'sluice/testing';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const model = aisdk(createOpenAI({ baseURL, apiKey: API_KEY }).chat(MODEL));
  const request = { messages: [{ role: 'user' as const, content: PROMPT }], parameters: {} };
  return async function read(seen) {
    for await (const chunk of model.stream(request, directCall(request))) {
      if (chunk.type === 'content') seen(chunk.content);
    }
  };
};
