import { estimateInputTokens, estimateTokens } from 'sluice/kit';
import { Pipeline } from 'sluice';
import type { Middleware, ModelRequest, OutputSchema, Part } from 'sluice';
import { output as outputLayer } from 'sluice/middleware/output';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { OutputForms } from '../../src/output/forms.ts';

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

  describe('of a request with an output', () => {
    const city = z.object({ name: z.string().describe('As its people call it'), inhabitants: z.number() });
    const { $schema: _dialect, ...jsonSchema } = z.toJSONSchema(city, { io: 'input' });
    const weight = estimateTokens(JSON.stringify(jsonSchema));
    const bare = { version: 1, vendor: 'own', validate: (value: unknown) => ({ value }) } as const;
    const output = (schema: OutputSchema): Partial<ModelRequest> => ({
      output: { schema, forms: new OutputForms() },
    });

    test.each<[string, OutputSchema, number]>([
      ['a library', city, weight],
      ['a library, again', city, weight],
      ['JSON Schema', { jsonSchema }, weight],
      ['a library that cannot be sent', z.object({ at: z.date() }), 0],
      ['a library without JSON Schema', { '~standard': bare }, 0],
    ])('counts the schema of %s', (_what, schema, more) => {
      expect(estimateInputTokens(request('four', output(schema)))).toBe(5 + more);
    });

    test('counts it once, in place of the format, above and below the layer that sees to it', async () => {
      const seen: number[] = [];
      const counts: Middleware = (context, next) => {
        seen.push(estimateInputTokens(context.request));
        return next();
      };
      const model = scripted('{"name":"Roma","inhabitants":2748109}');
      const pipeline = new Pipeline([counts, outputLayer(), counts, provider(model)]);
      const responseFormat = { type: 'json_schema', name: 'a', schema: {} } as const;
      await pipeline.execute('user', 'four', { output: city, responseFormat });
      expect(seen).toEqual([5 + weight, 5 + weight]);
      const [sent = request('')] = model.requests;
      const instructions = estimateInputTokens(sent) - 5 - weight;
      expect([instructions > 0, instructions < 50]).toEqual([true, true]);
    });
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
