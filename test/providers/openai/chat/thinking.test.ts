import { describe, expect, it } from 'vitest';

import type { OpenAIOptions } from '../../../../providers/openai/index.ts';
import { chat, decode, finish, joined } from '../support.ts';
import type { Told } from '../support.ts';

describe('thinking of Chat Completions', () => {
  it.each<[string, object]>([
    ['reasoning_content', { reasoning_content: 'Hm' }],
    ['reasoning', { reasoning: 'Hm' }],
    ['reasoning_text', { reasoning_text: 'Hm' }],
    ['reasoning as an object', { reasoning: { content: 'Hm' } }],
    ['reasoning as a list', { reasoning: [{ text: 'H' }, 'm'] }],
    ['the text of reasoning_details', { reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] }],
    [
      'the summary of reasoning_details',
      { reasoning_details: [{ type: 'reasoning.summary', summary: 'Hm' }] },
    ],
    ['thinking_blocks', { thinking_blocks: [{ type: 'thinking', thinking: 'Hm', signature: '' }] }],
    ['thinking', { thinking: 'Hm' }],
    ['a part of type reasoning', { content: [{ type: 'reasoning', text: 'Hm' }] }],
  ])('is read from %s', (_name, delta) => {
    const { chunks } = decode('chat', [chat(delta), chat({ content: 'Yes' }), finish('stop')]);
    expect(chunks.slice(0, 2)).toEqual([
      { type: 'thinking', content: 'Hm' },
      { type: 'content', content: 'Yes' },
    ]);
  });

  it('is not doubled if a server fills two or three fields with it', () => {
    const details = [{ type: 'reasoning.text', text: 'Hm', index: 0, format: 'anthropic-claude-v1' }];
    const deltas = [
      { reasoning: 'Hm', reasoning_details: details },
      { reasoning: 'Hm', reasoning_content: 'Hm' },
      { reasoning_content: 'Hm', thinking_blocks: [{ type: 'thinking', thinking: 'Hm' }] },
    ];
    for (const delta of deltas) {
      const { chunks } = decode('chat', [chat(delta), finish('stop')]);
      expect(joined(chunks, 'thinking')).toBe('Hm');
    }
  });

  it('is the content that Gemini marks as a thought, without its tags', () => {
    const thought = { extra_content: { google: { thought: true } } };
    const { chunks } = decode('chat', [
      chat({ role: 'assistant', content: '<thought>**Planning**\n', ...thought }),
      chat({ content: 'I think', ...thought }),
      chat({ content: '</thought>The answer' }),
      chat({ content: ' is 4 </thought>' }),
      finish('stop'),
    ]);
    expect(joined(chunks, 'thinking')).toBe('**Planning**\nI think');
    expect(joined(chunks, 'content')).toBe('The answer is 4 </thought>');
  });
});

/** Text and thinking of a reply whose text comes in the given pieces. */
function read(pieces: readonly string[], options: OpenAIOptions = { thinkTags: true }): [string, string] {
  const told = tell(pieces, options);
  return [joined(told.chunks, 'thinking'), joined(told.chunks, 'content')];
}

function tell(pieces: readonly string[], options: OpenAIOptions): Told {
  return decode('chat', [...pieces.map((content) => chat({ content })), finish('stop')], { options });
}

/** A text cut into pieces of a length. */
function cut(text: string, length: number): string[] {
  return text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? [];
}

describe('thinking in tags', () => {
  const reply = '\n <think>\nFirst </th ink> then\n</think>\n\nYes <think>no</think>';

  it.each([1, 2, 3, 5, 7, 8, 100])('is read from text in pieces of %s characters', (length) => {
    expect(read(cut(reply, length))).toEqual(['First </th ink> then\n', 'Yes <think>no</think>']);
  });

  it.each(['think', 'thinking', 'thought', 'THINK'])('may be in %s', (tag) => {
    const close = tag.toLowerCase();
    expect(read([`<${tag}>`, 'Hm', `</${close}>`, 'Yes'])).toEqual(['Hm', 'Yes']);
  });

  it.each(['It is <think>so</think>', '<thin>so', '<b>bold</b>', '  ', '<thi'])(
    'is only read at the start of a reply: %j is text',
    (text) => {
      for (const length of [1, 4, 100]) expect(read(cut(text, length))).toEqual(['', text]);
    },
  );

  it('without a closing tag is thinking to the end', () => {
    expect(read(['<think>Hm', ' and </thi'])).toEqual(['Hm and </thi', '']);
  });

  it('that is empty is left out', () => {
    expect(read(['<think>\n\n', '</think>\n\nYes'])).toEqual(['', 'Yes']);
  });

  it('is followed by text, which is passed on at once', () => {
    const { chunks } = tell(['<think>Hm</think>', ' A', ' B', ' C'], { thinkTags: true });
    expect(chunks).toEqual([
      { type: 'thinking', content: 'Hm' },
      { type: 'content', content: 'A' },
      { type: 'content', content: ' B' },
      { type: 'content', content: ' C' },
    ]);
  });

  it('whose opening tag is in the prompt is read with "open", and is text otherwise', () => {
    const pieces = ['Hm', ' so</think>', '\n\nYes'];
    expect(read(pieces, { thinkTags: 'open' })).toEqual(['Hm so', 'Yes']);
    expect(read(['<think>', ...pieces], { thinkTags: 'open' })).toEqual(['Hm so', 'Yes']);
    expect(read(pieces)).toEqual(['', 'Hm so</think>\n\nYes']);
  });

  it('stays in the text with false', () => {
    const options = { thinkTags: false, model: 'deepseek-r1' };
    expect(read(['<think>Hm</think>Yes'], options)).toEqual(['', '<think>Hm</think>Yes']);
  });

  it('that was held back when the stream broke off is delivered', () => {
    const { error, chunks } = decode('chat', [chat({ content: ' <thi' })], {
      sentinel: false,
      options: { thinkTags: true },
    });
    expect([error?.code, joined(chunks, 'content')]).toEqual(['truncated', ' <thi']);
  });

  it.each<OpenAIOptions>([
    { name: 'ollama', baseURL: 'http://127.0.0.1:8000/v1' },
    { name: 'LM Studio', baseURL: 'http://127.0.0.1:8000/v1' },
    { name: 'llama.cpp', baseURL: 'http://127.0.0.1:8080/v1' },
    { name: 'my-vllm', baseURL: 'http://10.0.0.1:8000/v1' },
    { baseURL: 'http://127.0.0.1:11434/v1' },
    { baseURL: 'http://localhost:1234/v1' },
    { baseURL: 'https://api.groq.com/openai/v1' },
    { baseURL: 'https://api.together.xyz/v1' },
    { baseURL: 'https://api.fireworks.ai/inference/v1' },
    { baseURL: 'https://api.perplexity.ai' },
    { baseURL: 'https://api.minimax.io/v1' },
    { model: 'deepseek-ai/DeepSeek-R1-Distill-Qwen-32B', baseURL: 'http://127.0.0.1:8000/v1' },
    { model: 'qwen3:14b', baseURL: 'http://127.0.0.1:8000/v1' },
    { model: 'QwQ_32B', baseURL: 'http://127.0.0.1:8000/v1' },
    { model: 'magistral-small-2509', baseURL: 'https://api.mistral.ai/v1' },
  ])('is read by default with %j', (options) => {
    expect(read(['<think>Hm</think>Yes'], options)).toEqual(['Hm', 'Yes']);
  });

  it.each<OpenAIOptions>([
    {},
    { model: 'gpt-6-luna' },
    { baseURL: 'http://127.0.0.1:8000/v1', model: 'llama3.2' },
    { baseURL: 'https://notgroq.com/v1' },
    { baseURL: 'https://openrouter.ai/api/v1', model: 'anthropic/claude-sonnet-5' },
  ])('is text with %j', (options) => {
    expect(read(['<think>Hm</think>Yes'], options)).toEqual(['', '<think>Hm</think>Yes']);
  });
});
