import { describe, expect, it } from 'vitest';

import type { StreamChunk } from '../../../../src/index.ts';
import { chat, decode, finish, joined } from '../support.ts';

const origin = { provider: 'openai.chat', model: 'gpt-6-luna', baseURL: 'https://api.openai.com/v1' };

/** The blocks of a reply with these deltas, in order. */
function blocks(...deltas: object[]): unknown[] {
  return blocksOf(decode('chat', [...deltas.map((delta) => chat(delta)), finish('stop')]).chunks);
}

function blocksOf(chunks: readonly StreamChunk[]): unknown[] {
  return chunks.flatMap((chunk) => ('block' in chunk && chunk.block !== undefined ? [chunk.block] : []));
}

const message = (fields: object): object => ({ ...origin, data: { type: 'message', ...fields } });

describe('R48 fields of a message that go back to the server', () => {
  it('are one block, after the text and before the calls', () => {
    const { chunks } = decode('chat', [
      chat({ content: 'Yes', reasoning_opaque: 'abc' }),
      chat({ tool_calls: [{ index: 0, id: 'a', function: { name: 'now', arguments: '{}' } }] }),
      finish('tool_calls'),
    ]);
    expect(chunks.filter((chunk) => chunk.type !== 'tool_call_delta')).toEqual([
      { type: 'content', content: 'Yes' },
      { type: 'content', content: '', block: message({ reasoning_opaque: 'abc' }) },
      { type: 'tool_call', id: 'a', name: 'now', arguments: {} },
    ]);
  });

  it("are Gemini's signature of the content, without the flags of its pieces", () => {
    const google = (fields: object): object => ({ extra_content: { google: fields } });
    expect(
      blocks(
        { content: '<thought>Hm', ...google({ thought: true }) },
        { content: 'Yes' },
        { content: '', ...google({ thought_signature: 'sig' }) },
        { content: '!', ...google({ thought: false, other: 1 }) },
      ),
    ).toEqual([message(google({ thought_signature: 'sig', other: 1 }))]);
    expect(blocks({ content: 'Hm', ...google({ thought: true }) })).toEqual([]);
  });

  it("are OpenRouter's details, joined by index, type and id", () => {
    const text = { type: 'reasoning.text', format: 'anthropic-claude-v1', index: 0 };
    expect(
      blocks(
        { reasoning: 'Fir', reasoning_details: [{ ...text, text: 'Fir', signature: null, id: null }] },
        { reasoning: 'st', reasoning_details: [{ ...text, text: 'st' }] },
        { reasoning_details: [{ ...text, text: '', signature: 'sig' }] },
        { reasoning: 'Two', reasoning_details: [{ ...text, index: 1, text: 'Two' }] },
        { reasoning_details: [{ type: 'reasoning.encrypted', data: 'xyz', id: 'tool_1', index: 0 }] },
        { reasoning_details: [{ type: 'reasoning.encrypted', data: 'uvw', id: 'tool_2', index: 0 }] },
        { content: 'Yes' },
      ),
    ).toEqual([
      message({
        reasoning_details: [
          { ...text, text: 'First', signature: 'sig', id: null },
          { ...text, index: 1, text: 'Two' },
          { type: 'reasoning.encrypted', data: 'xyz', id: 'tool_1', index: 0 },
          { type: 'reasoning.encrypted', data: 'uvw', id: 'tool_2', index: 0 },
        ],
      }),
    ]);
  });

  it('have joined summaries and data, and no repetition of complete values', () => {
    const summary = { type: 'reasoning.summary', index: 0 };
    const data = { type: 'reasoning.encrypted', id: 'rs_1' };
    expect(
      blocks(
        { content: 'Yes', reasoning_details: [{ ...summary, summary: 'A' }] },
        { reasoning_details: [{ ...summary, summary: 'B' }] },
        { reasoning_details: [{ ...data, data: 'one' }] },
        { reasoning_details: [{ ...data, data: 'one' }] },
        { reasoning_details: [{ type: 'reasoning.text', text: 'C' }] },
        { reasoning_details: [{ type: 'reasoning.text', text: 'D' }] },
      ),
    ).toEqual([
      message({
        reasoning_details: [
          { ...summary, summary: 'AB' },
          { ...data, data: 'one' },
          { type: 'reasoning.text', text: 'CD' },
        ],
      }),
    ]);
  });

  it("are LiteLLM's thinking blocks, each ended by its signature", () => {
    const piece = (thinking: string, signature = ''): object => ({
      thinking_blocks: [{ type: 'thinking', thinking, signature }],
    });
    expect(
      blocks(
        { reasoning_content: 'Step ', ...piece('Step ') },
        { reasoning_content: 'one', ...piece('one') },
        piece('', 'sig1'),
        { thinking_blocks: [{ type: 'redacted_thinking', data: 'xyz' }] },
        piece('Step two'),
        piece('', 'sig2'),
        piece('Three', 'sig3'),
        { content: 'Yes' },
      ),
    ).toEqual([
      message({
        thinking_blocks: [
          { type: 'thinking', thinking: 'Step one', signature: 'sig1' },
          { type: 'redacted_thinking', data: 'xyz' },
          { type: 'thinking', thinking: 'Step two', signature: 'sig2' },
          { type: 'thinking', thinking: 'Three', signature: 'sig3' },
        ],
      }),
    ]);
  });

  it("are Copilot's opaque reasoning and a message's phase, of which the last counts", () => {
    expect(
      blocks(
        { reasoning_text: 'Hm' },
        { reasoning_opaque: 'old', phase: 'commentary' },
        { content: 'Yes', reasoning_opaque: 'new' },
      ),
    ).toEqual([message({ reasoning_opaque: 'new', phase: 'commentary' })]);
  });

  it('are read from a complete message', () => {
    const fields = { reasoning_details: [{ type: 'reasoning.text', text: 'Hm', signature: 'sig' }] };
    const { chunks } = decode('chat', [
      {
        choices: [
          { index: 0, message: { content: 'Yes', reasoning: 'Hm', ...fields }, finish_reason: 'stop' },
        ],
      },
    ]);
    expect(blocksOf(chunks)).toEqual([message(fields)]);
    expect([joined(chunks, 'thinking'), joined(chunks, 'content')]).toEqual(['Hm', 'Yes']);
  });

  it('are no output by themselves', () => {
    expect(blocks({ content: '', phase: 'final_answer' })).toEqual([]);
  });

  it('S9 pollute nothing', () => {
    const polluting =
      '{"__proto__":{"polluted":1},"google":{"__proto__":{"polluted":1},"thought_signature":"s"}}';
    const [block] = blocks({
      content: 'Yes',
      extra_content: JSON.parse(polluting),
      reasoning_details: [JSON.parse('{"type":"reasoning.text","text":"a","__proto__":{"polluted":1}}')],
    });
    expect(JSON.stringify(block)).toContain('"thought_signature":"s"');
    expect('polluted' in {}).toBe(false);
    expect('polluted' in (block as { data: object }).data).toBe(false);
  });

  it('S10 over maxOutputCharacters fail', () => {
    const detail = { reasoning_details: [{ type: 'reasoning.encrypted', index: 0, data: 'x'.repeat(60) }] };
    const other = { reasoning_details: [{ type: 'reasoning.encrypted', index: 0, data: 'y'.repeat(60) }] };
    const { error } = decode('chat', [chat({ content: 'x' }), chat(detail), chat(other)], {
      options: { limits: { maxOutputCharacters: 120 } },
    });
    expect([error?.code, error?.retryable]).toEqual(['protocol', false]);
    expect(error?.message).toContain('limits.maxOutputCharacters (120)');
  });

  it('are not added up if they come complete in each delta', () => {
    const extra = { content: 'x', extra_content: { google: { thought_signature: 's'.repeat(50) } } };
    const { error } = decode('chat', [...Array.from({ length: 100 }, () => chat(extra)), finish('stop')], {
      options: { limits: { maxOutputCharacters: 200 } },
    });
    expect(error).toBeUndefined();
  });
});

describe('R48 fields of a call that go back to the server', () => {
  const called = (fields: object, args: string): object =>
    chat({ tool_calls: [{ index: 0, function: { name: 'get', arguments: args }, ...fields }] });

  it.each<[string, object]>([
    ['extra_content', { extra_content: { google: { thought_signature: 'sig' } } }],
    ['thoughtSignature', { thoughtSignature: 'sig' }],
    ['provider_specific_fields', { provider_specific_fields: { thought_signature: 'sig' } }],
  ])('are kept: %s', (_name, fields) => {
    const { chunks } = decode('chat', [
      called({ id: 'a', type: 'function', ...fields }, '{"x":1}'),
      finish('tool_calls'),
    ]);
    expect(chunks.at(-1)).toEqual({
      type: 'tool_call',
      id: 'a',
      name: 'get',
      arguments: { x: 1 },
      block: { ...origin, data: { type: 'function', ...fields } },
    });
  });

  it('are merged, piece by piece', () => {
    const { chunks } = decode('chat', [
      called({ id: 'a', one: 1, two: null }, '{"x"'),
      called({ one: null, two: 2 }, ':1}'),
      called({ two: 3, __proto__: null }, ''),
      finish('tool_calls'),
    ]);
    expect(blocksOf(chunks)).toEqual([{ ...origin, data: { type: 'function', one: 1, two: 3 } }]);
  });

  it('S10 are kept up to the size that arguments may have', () => {
    const pieces = Array.from({ length: 50 }, (_, at) =>
      called({ id: 'a', [`field${at}`]: 'x'.repeat(10) }, ''),
    );
    const { chunks } = decode('chat', [...pieces, finish('tool_calls')], {
      options: { limits: { maxArgumentsCharacters: 100 } },
    });
    const sizes = blocksOf(chunks).map((block) => JSON.stringify(block).length);
    expect([sizes.length, (sizes[0] ?? 0) < 400]).toEqual([1, true]);
  });

  it('are absent if there are none', () => {
    const { chunks } = decode('chat', [called({ id: 'a', type: 'function' }, '{}'), finish('tool_calls')]);
    expect(chunks.at(-1)).not.toHaveProperty('block');
  });

  it('are kept with the kind of a custom call', () => {
    const { chunks } = decode('chat', [
      chat({
        tool_calls: [{ index: 0, id: 'a', type: 'custom', custom: { name: 'run', input: 'x' }, sig: 1 }],
      }),
      finish('tool_calls'),
    ]);
    expect(blocksOf(chunks)).toEqual([{ ...origin, data: { type: 'custom', sig: 1 } }]);
  });
});
