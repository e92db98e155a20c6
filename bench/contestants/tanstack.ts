import { chat } from '@tanstack/ai';
import { createOpenaiChatCompletions } from '@tanstack/ai-openai';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const adapter = createOpenaiChatCompletions(MODEL, API_KEY, { baseURL });

  return async function read(seen) {
    for await (const chunk of chat({ adapter, messages: [{ role: 'user', content: PROMPT }] })) {
      if (chunk.type === 'TEXT_MESSAGE_CONTENT') seen(chunk.delta);
    }
  };
};
