import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { openai } from 'sluice/providers/openai';
import { API_KEY, MODEL, PROMPT } from '../reader.ts';
import type { Open } from '../reader.ts';
import { loop } from './sluice.ts';

export const open: Open = ({ baseURL, calls }) => {
  const pipeline = new Pipeline([loop(), provider(openai({ baseURL, apiKey: API_KEY, model: MODEL }))], {
    maxConcurrentExecutions: Math.max(100, calls),
  });
  return async function read(seen) {
    for await (const chunk of pipeline.executeStream('user', PROMPT)) {
      if (chunk.type === 'content') seen(chunk.content);
    }
  };
};
