import { describe, expect, it } from 'vitest';
import {
  isSluiceError,
  type FinishReason,
  type Message,
  type Part,
  type StreamChunk,
} from '../../../../src/index.ts';
import { OutputMeter } from '../../../../providers/wire/reply/output-meter.ts';

const block = { provider: 'p', data: {} };
const call = { type: 'tool_call', id: 'a', name: 'get', arguments: {} } as const;
const user: Message = { role: 'user', content: 'Hi' };

/** What a reply of these chunks is refused with. */
function refused(
  chunks: StreamChunk[],
  reply: { finishReason: FinishReason; rawFinishReason?: string } = { finishReason: 'stop' },
  messages: Message[] = [user],
): string | undefined {
  const meter = new OutputMeter(10, { messages, parameters: {} });
  try {
    for (const chunk of chunks) meter.add(chunk);
    meter.checkEnd(reply);
    return undefined;
  } catch (error) {
    if (isSluiceError(error)) return error.code;
    throw error;
  }
}

describe('the output of a call', () => {
  it.each<[string, StreamChunk[], string | undefined]>([
    ['text', [{ type: 'content', content: 'a' }], undefined],
    ['empty text', [{ type: 'content', content: '' }], 'truncated'],
    ['empty thinking with a block', [{ type: 'thinking', content: '', block }], undefined],
    ['a call', [call], undefined],
    ['the start of a call', [{ type: 'tool_call_delta', id: 'a', argumentsDelta: '{' }], 'truncated'],
    ['nothing', [], 'truncated'],
    ['10 characters', [{ type: 'content', content: 'x'.repeat(10) }], undefined],
    ['11 characters', [{ type: 'content', content: 'x'.repeat(11) }], 'protocol'],
    [
      '11 characters in pieces',
      [
        { type: 'thinking', content: 'x'.repeat(5) },
        { type: 'tool_call_delta', id: 'a', argumentsDelta: 'x'.repeat(5) },
        { type: 'content', content: 'x' },
      ],
      'protocol',
    ],
  ])('of %s', (_what, chunks, expected) => {
    expect(refused(chunks)).toBe(expected);
  });

  it.each<[FinishReason, string | undefined]>([
    ['length', undefined],
    ['content_filter', undefined],
    ['refusal', undefined],
    ['pause', undefined],
    ['other', 'truncated'],
    ['tool_calls', 'truncated'],
  ])('may be nothing at the finish reason %s, or not: %s', (finishReason, expected) => {
    expect(refused([], { finishReason })).toBe(expected);
  });

  it('may be nothing at a stop sequence', () => {
    expect(refused([], { finishReason: 'stop', rawFinishReason: 'stop_sequence' })).toBeUndefined();
  });

  const result: Part = { type: 'tool_result', id: 'a', name: 'get', content: 'x' };
  const blank: Part = { type: 'text', text: ' ' };
  it.each<[string, Message[], string | undefined]>([
    ['a result', [{ role: 'tool', content: [result] }], undefined],
    ['a result and blank text', [{ role: 'tool', content: [result, blank] }], undefined],
    ['a result and text', [{ role: 'tool', content: [result, { type: 'text', text: 'x' }] }], 'truncated'],
    [
      'a call of the provider',
      [{ role: 'assistant', content: [{ ...call, providerExecuted: true }] }],
      undefined,
    ],
    ['a block of the provider', [{ role: 'assistant', content: [{ type: 'provider', block }] }], undefined],
    [
      'a block of the provider for a user',
      [{ role: 'user', content: [{ type: 'provider', block }] }],
      'truncated',
    ],
    ['another call', [{ role: 'assistant', content: [call] }], 'truncated'],
    ['text of the model', [{ role: 'assistant', content: [{ type: 'text', text: 'x' }] }], 'truncated'],
    ['nothing', [{ role: 'assistant', content: [] }], 'truncated'],
    ['no message', [], 'truncated'],
    ['a result before the last message', [{ role: 'tool', content: [result] }, user], 'truncated'],
  ])('may be nothing after %s, or not', (_what, messages, expected) => {
    expect(refused([], { finishReason: 'stop' }, messages)).toBe(expected);
    expect(refused([], { finishReason: 'other' }, messages)).toBe('truncated');
  });
});
