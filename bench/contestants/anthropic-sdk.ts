import Anthropic from '@anthropic-ai/sdk';
import { API_KEY, CLAUDE, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const client = new Anthropic({ baseURL, apiKey: API_KEY });

  return async function read(seen) {
    const stream = await client.messages.create({
      model: CLAUDE,
      max_tokens: 100_000,
      messages: [{ role: 'user', content: PROMPT }],
      stream: true,
    });
    for await (const event of stream) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') seen(event.delta.text);
    }
  };
};
