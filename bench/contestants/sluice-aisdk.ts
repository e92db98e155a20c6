import { createOpenAI } from '@ai-sdk/openai';
import { Pipeline } from 'sluice';
import { aisdk } from 'sluice/interop/aisdk';
import { provider } from 'sluice/middleware';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL, calls }) => {
  const model = aisdk(createOpenAI({ baseURL, apiKey: API_KEY }).chat(MODEL));
  const pipeline = new Pipeline([provider(model)], { maxConcurrentExecutions: Math.max(100, calls) });
  return async function read(seen) {
    for await (const chunk of pipeline.executeStream('user', PROMPT)) {
      if (chunk.type === 'content') seen(chunk.content);
    }
  };
};
