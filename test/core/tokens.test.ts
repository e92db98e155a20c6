import { estimateInputTokens, estimateTokens } from 'sluice/kit';
import type { ModelRequest, Part } from 'sluice';
import { describe, expect, test } from 'vitest';

const request = (content: string | Part[], more: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [{ role: 'user', content }],
  parameters: {},
  ...more,
});
/** Beside the four of each message. */
const tokensOf = (...parts: Part[]): number => estimateInputTokens(request(parts)) - 4;

describe('the rough count of tokens', () => {
  test('is four bytes of UTF-8 a token, so that no script is taken for a quarter of what it is', () => {
    expect(
      ['', 'a', 'four', 'fives', 'é', '人工智能', '🙂', '\ud83d'].map((text) => estimateTokens(text)),
    ).toEqual([0, 1, 1, 2, 1, 3, 1, 1]);
    expect(estimateTokens(9)).toBe(3);
    for (const text of ['añb', '人x', '🙂🙂y', 'Привет'])
      expect(estimateTokens(text)).toBe(Math.ceil(new TextEncoder().encode(text).length / 4));
  });

  test('counts messages, tools and the schema of the answer', () => {
    expect(estimateInputTokens(request('four'))).toBe(5);
    const tools = [{ name: 'now', parameters: { type: 'object' } }];
    expect(estimateInputTokens(request('four', { tools }))).toBe(5 + estimateTokens(JSON.stringify(tools)));
    expect(estimateInputTokens(request('four', { tools: [] }))).toBe(5);
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    const responseFormat = { type: 'json_schema', name: 'a', schema } as const;
    expect(estimateInputTokens(request('four', { responseFormat }))).toBe(
      5 + estimateTokens(JSON.stringify(schema)),
    );
  });

  test('takes images by their detail, sound and documents by their size, not for text', () => {
    const data = 'A'.repeat(4_000_000);
    expect(tokensOf({ type: 'image', data, mediaType: 'image/png' })).toBe(1_000);
    expect(tokensOf({ type: 'image', url: 'https://a/b.png', detail: 'low' })).toBe(85);
    expect(tokensOf({ type: 'audio', data: 'A'.repeat(64_000), mediaType: 'audio/mpeg' })).toBe(30);
    expect(tokensOf({ type: 'file', data, mediaType: 'application/pdf' })).toBe(60_000);
    expect(tokensOf({ type: 'file', url: `data:application/pdf;base64,${data}` })).toBe(61_500);
    expect(tokensOf({ type: 'file', fileId: 'f' })).toBe(1_500);
    expect(tokensOf({ type: 'file', url: 'https://a/b.pdf' })).toBe(1_500);
    const plain = btoa('a'.repeat(300));
    expect(tokensOf({ type: 'file', data: plain, mediaType: 'text/plain; charset=utf-8' })).toBe(75);
  });

  test('counts what tools are called with and what they answer', () => {
    const call: Part = { type: 'tool_call', id: '1', name: 'look', arguments: { a: 1 } };
    expect(tokensOf(call)).toBe(3);
    expect(tokensOf({ ...call, arguments: undefined })).toBe(1);
    expect(tokensOf({ type: 'tool_result', id: '1', name: 'look', content: 'eight...' })).toBe(2);
    const image = { type: 'image', url: 'https://a/b.png' } as const;
    expect(tokensOf({ type: 'tool_result', id: '1', name: 'look', content: [image] })).toBe(1_000);
  });

  test('counts texts as it is told to', () => {
    const words = (text: string): number => text.split(' ').length;
    expect(estimateInputTokens(request('one two three'), words)).toBe(4 + 3);
    expect(estimateInputTokens(request([{ type: 'text', text: 'one two' }]), words)).toBe(4 + 2);
  });
});
