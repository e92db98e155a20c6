import { createOpenAI } from '@ai-sdk/openai';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const model = createOpenAI({ baseURL, apiKey: API_KEY }).chat(MODEL);
  return async function read(seen) {
    const { stream } = await model.doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }],
    });
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.type === 'text-delta') seen(value.delta);
    }
  };
};
