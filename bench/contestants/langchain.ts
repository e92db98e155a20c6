import { HumanMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { API_KEY, MODEL, PROMPT } from './reader.ts';
import type { Open } from './reader.ts';

export const open: Open = ({ baseURL }) => {
  const model = new ChatOpenAI({ model: MODEL, apiKey: API_KEY, configuration: { baseURL } });

  return async function read(seen) {
    for await (const chunk of await model.stream([new HumanMessage(PROMPT)])) {
      if (chunk.text !== '') seen(chunk.text);
    }
  };
};
