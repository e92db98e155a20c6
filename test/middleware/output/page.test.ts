import { readFileSync } from 'node:fs';
import { openai } from 'sluice/providers/openai';
import { anthropic } from 'sluice/providers/anthropic';
import { DIALECTS, LIMITS } from 'sluice/middleware/output';
import { describe, expect, test } from 'vitest';
import { root } from '../../../scripts/entry-points.ts';

const page = readFileSync(`${root}docs/structured-output.md`, 'utf8');

/** The rows of a table of the page, by their first cells. */
function tableAfter(heading: string, firstCell: string): { head: string[]; rows: Map<string, string[]> } {
  const lines = page.slice(page.indexOf(heading)).split('\n');
  const from = lines.findIndex((line) => line.startsWith(`| ${firstCell} |`));
  const end = lines.findIndex((line, at) => at > from && !line.startsWith('|'));
  const cells = lines.slice(from, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const [head = [], , ...rows] = cells;
  return { head: head.slice(1), rows: new Map(rows.map(([first = '', ...rest]) => [first, rest])) };
}

describe('the page about structured output', () => {
  test('says of each keyword what each dialect takes', () => {
    const { head, rows } = tableAfter('## What of a schema is sent', 'keyword');
    const dialects = Object.entries(DIALECTS).filter(([name]) => name !== 'other');
    expect(head).toEqual(dialects.map(([name]) => name));
    const keywords = [...DIALECTS.other.keywords].filter(
      (keyword) => !['default', 'examples'].includes(keyword),
    );
    expect([...rows.keys()].sort()).toEqual(keywords.map((keyword) => `\`${keyword}\``).sort());
    for (const keyword of keywords) {
      const said = rows.get(`\`${keyword}\``)?.map((cell) => cell === 'yes');
      expect([keyword, said]).toEqual([
        keyword,
        dialects.map(([, { keywords: takes }]) => takes.has(keyword)),
      ]);
    }
  });

  test('names the limits that are counted', () => {
    for (const limits of Object.values(LIMITS))
      for (const limit of Object.values(limits)) expect(page).toContain(limit.toLocaleString('en'));
  });

  test.each([
    ['Gemini (compatible endpoint)', 'gemini', 'gemini-3-pro'],
    ['Mistral', 'mistral', 'x'],
    ['Groq', 'groq', 'x'],
    ['DeepSeek', 'deepseek', 'deepseek-chat'],
    ['xAI', 'xai', 'grok-4.3'],
    ['Cerebras', 'cerebras', 'x'],
    ['Alibaba', 'alibaba', 'qwen3-max'],
    ['Ollama', 'ollama', 'x'],
    ['LM Studio, llama.cpp', 'lm-studio', 'x'],
    ['vLLM', 'vllm', 'x'],
    ['other servers', 'mine', 'x'],
  ])('says what %s can do', (row, name, model) => {
    const support = openai({ name, model, baseURL: 'http://127.0.0.1:9/v1', apiKey: 'none' }).output?.({
      messages: [],
      parameters: {},
    });
    const [mode = '', withTools = '', forced = ''] =
      tableAfter('## Which mode', 'provider').rows.get(row) ?? [];
    expect(mode.startsWith('no')).toBe(support?.native === 'none');
    expect(/^(?:yes|from)/.test(withTools)).toBe(support?.native === 'with-tools');
    expect(forced).toBe(
      { forced: 'yes', 'unless-thinking': 'unless it thinks', offered: 'no', none: 'no' }[
        support?.tools ?? 'none'
      ],
    );
  });

  const supportOf = (name: string, model: string, providerOptions = {}) =>
    openai({ name, model, baseURL: 'http://127.0.0.1:9/v1', apiKey: 'none' }).output?.({
      messages: [],
      parameters: { providerOptions },
    });

  test.each([
    ['grok-3', 'alone'],
    ['grok-4-1-fast', 'with-tools'],
    ['grok-code-fast-1', 'with-tools'],
  ])('says which model of xAI takes a schema beside tools: %s %s', (model, native) => {
    expect(supportOf('xai', model)).toMatchObject({ dialect: 'xai', native });
  });

  test('Alibaba is sent a schema only for Qwen', () => {
    expect(supportOf('alibaba', 'qwen-plus')).toMatchObject({ native: 'alone', isKnown: false });
    expect(supportOf('alibaba', 'deepseek-v4')).toMatchObject({ native: 'none' });
  });

  test('DeepSeek thinks unless a request turns it off', () => {
    expect(supportOf('deepseek', 'deepseek-flash')).toMatchObject({ thinks: true });
    const off = { deepseek: { thinking: { type: 'disabled' } } };
    expect(supportOf('deepseek', 'deepseek-flash', off)).toMatchObject({ thinks: false });
    const on = { deepseek: { thinking: { type: 'enabled' } } };
    expect(supportOf('deepseek', 'deepseek-flash', on)).toMatchObject({ thinks: true });
  });

  test.each(['ollama', 'lm-studio', 'llama.cpp'])('the schema is in the prompt, too, for %s', (name) => {
    expect(supportOf(name, 'x')).toMatchObject({ isKnown: false });
  });

  test.each([
    ['claude-opus-4-1', 'none'],
    ['claude-opus-4-5', 'with-tools'],
    ['claude-sonnet-4-5', 'with-tools'],
    ['claude-haiku-4-5', 'with-tools'],
    ['claude-sonnet-4-0', 'none'],
    ['claude-3-7-sonnet-latest', 'none'],
  ])('says which Claude takes a schema: %s %s', (model, native) => {
    expect(anthropic({ apiKey: 'none', model }).output?.({ messages: [], parameters: {} })).toMatchObject({
      native,
    });
  });

  test.each([
    ['gpt-4', 'none'],
    ['gpt-4-turbo', 'none'],
    ['gpt-3.5-turbo', 'none'],
    ['gpt-4o', 'with-tools'],
    ['gpt-4.1-mini', 'with-tools'],
    ['gpt-6-luna', 'with-tools'],
    ['o3', 'with-tools'],
  ])('says which model of OpenAI takes a schema: %s %s', (model, native) => {
    expect(openai({ apiKey: 'none', model }).output?.({ messages: [], parameters: {} })).toMatchObject({
      native,
    });
  });
});
