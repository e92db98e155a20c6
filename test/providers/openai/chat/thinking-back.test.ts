import { describe, expect, it } from 'vitest';

import type { OpenAIOptions } from '../../../../providers/openai/index.ts';
import type { Message, Part } from '../../../../src/index.ts';
import { listAt } from '../../../support/json.ts';
import { ask, bodyOf } from '../support.ts';

const assistant = (...content: Part[]): Message => ({ role: 'assistant', content });
const think = (text: string): Part => ({ type: 'thinking', text });
const call: Part = { type: 'tool_call', id: 'c', name: 'now', arguments: {} };
const answer: Message = {
  role: 'tool',
  content: [{ type: 'tool_result', id: 'c', name: 'now', content: 'noon' }],
};

/** A turn without tools, one with a tool, and one that continues. */
const HISTORY: Message[] = [
  { role: 'user', content: 'Hi' },
  assistant(think('polite'), { type: 'text', text: 'Hello' }),
  { role: 'user', content: 'What time is it?' },
  assistant(think('look'), call),
  answer,
  assistant(think('noon it is'), { type: 'text', text: 'Noon' }),
  { role: 'user', content: 'And now?' },
  assistant(call),
  answer,
];

/** The field of each message of the model, undefined if it is not there. */
function thoughts(options: OpenAIOptions, messages = HISTORY, field = 'reasoning_content'): unknown[] {
  const { body } = bodyOf(ask({ messages }), options);
  return listAt(body, 'messages')
    .filter(
      (message) =>
        typeof message === 'object' && message !== null && Reflect.get(message, 'role') === 'assistant',
    )
    .map((message) => Reflect.get(Object(message), field));
}

describe('the thinking of earlier replies', () => {
  it.each<[string, OpenAIOptions, string | undefined]>([
    ['DeepSeek', { baseURL: 'https://api.deepseek.com', model: 'deepseek-v4-pro' }, ''],
    ['DeepSeek behind a proxy', { baseURL: 'http://127.0.0.1:4000', model: 'deepseek-reasoner' }, ''],
    [
      'Kimi, which takes an empty field for a missing one',
      { baseURL: 'https://api.moonshot.ai/v1', model: 'kimi-k2.6' },
      ' ',
    ],
    ['MiMo', { baseURL: 'https://api.xiaomimimo.com/v1', model: 'mimo-v2.5-pro' }, ' '],
    ['GLM', { baseURL: 'https://api.z.ai/api/paas/v4', model: 'glm-5' }, undefined],
  ])('goes back to %s in turns with tool calls, those of earlier turns too', (_name, options, blank) => {
    expect(thoughts(options)).toEqual([undefined, 'look', 'noon it is', blank]);
  });

  it('goes back to DeepSeek in all turns if the request has tools, and in no other turns to Kimi', () => {
    const tools = [{ name: 'now', parameters: { type: 'object' } }];
    const sent = (options: OpenAIOptions) => {
      const { body } = bodyOf(ask({ messages: HISTORY.slice(0, 7), tools }), options);
      return listAt(body, 'messages').map((message) => Reflect.get(Object(message), 'reasoning_content'));
    };
    const deepseek = { baseURL: 'https://api.deepseek.com', model: 'deepseek-v4-pro' };
    expect(sent(deepseek).filter((one) => one !== undefined)).toEqual(['polite', 'look', 'noon it is']);
    const kimi = { baseURL: 'https://api.moonshot.ai/v1', model: 'kimi-k2.6' };
    expect(sent(kimi).filter((one) => one !== undefined)).toEqual(['look', 'noon it is']);
  });

  it('is the same on later turns, so that the prompt cache still matches', () => {
    const options = { baseURL: 'https://api.deepseek.com', model: 'deepseek-chat' };
    const early = bodyOf(ask({ messages: HISTORY.slice(0, 7) }), options).body['messages'];
    const late = bodyOf(ask({ messages: HISTORY }), options).body['messages'];
    expect(listAt(late).slice(0, 7)).toEqual(early);
  });

  it.each<[string, OpenAIOptions]>([
    ['OpenAI', {}],
    ['Groq', { baseURL: 'https://api.groq.com/openai/v1', model: 'deepseek-r1-distill-llama-70b' }],
    ['OpenRouter', { baseURL: 'https://openrouter.ai/api/v1', model: 'deepseek/deepseek-v4-pro' }],
    [
      'Moonshot for a model that does not think',
      { baseURL: 'https://api.moonshot.ai/v1', model: 'moonshot-v1-8k' },
    ],
    [
      'a server that refuses it',
      { baseURL: 'http://127.0.0.1:1', model: 'kimi-k2.6', reasoningField: 'none' },
    ],
  ])('does not go back to %s', (_name, options) => {
    expect(thoughts(options)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('goes back in each reply that has some if the option names the field', () => {
    const options: OpenAIOptions = { baseURL: 'http://127.0.0.1:1', reasoningField: 'reasoning' };
    expect(thoughts(options, HISTORY, 'reasoning')).toEqual(['polite', 'look', 'noon it is', undefined]);
  });

  it('counts a turn from a message of the user, even if that also holds a result', () => {
    const both: Message = {
      role: 'user',
      content: [
        { type: 'tool_result', id: 'c', name: 'now', content: 'noon' },
        { type: 'text', text: 'Thanks. And you?' },
      ],
    };
    const messages = [...HISTORY.slice(2, 4), both, assistant(think('fine'), { type: 'text', text: 'Fine' })];
    const options = { baseURL: 'https://api.deepseek.com', model: 'deepseek-chat' };
    expect(thoughts(options, messages)).toEqual(['look', undefined]);
  });
});
