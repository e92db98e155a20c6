import { describe, expect, it } from 'vitest';

import type { StreamChunk } from '../../../../src/index.ts';
import { added, created, delta, done, ended, functionCall, message } from './events.ts';
import { ask, blockOf, decode } from '../support.ts';

/** The chunks of a stream without deltas of calls, and how it ended. */
function told(
  events: readonly object[],
  request = ask(),
): { chunks: StreamChunk[]; finishReason: string | undefined; warnings: string[] } {
  const { chunks, reply, error, warnings } = decode('responses', [created(), ...events], { request });
  expect(error).toBeUndefined();
  const kept = chunks.filter((chunk) => chunk.type !== 'tool_call_delta');
  return { chunks: kept, finishReason: reply?.finishReason, warnings };
}

describe('a call that is not valid', () => {
  it.each([
    ['that are not JSON', '{"x":', 'the arguments are not valid JSON'],
    [
      'that is nested too deep',
      `${'['.repeat(65)}${']'.repeat(65)}`,
      'the arguments are nested more than 64 levels deep',
    ],
  ])('because of arguments %s is delivered as invalid, and affects nothing else', (_name, raw, reason) => {
    const item = functionCall('c1', raw);
    const { chunks, finishReason } = told([
      delta('Hi'),
      done(1, item),
      done(2, functionCall('c2', '{}')),
      ended({ output: [message('Hi'), item] }),
    ]);
    expect(chunks).toMatchObject([
      { type: 'content', content: 'Hi' },
      {
        type: 'tool_call',
        id: 'c1',
        name: 'add',
        arguments: {},
        invalid: { raw, reason },
        block: blockOf(item),
      },
      { type: 'tool_call', id: 'c2', arguments: {} },
    ]);
    expect('invalid' in (chunks[2] ?? {})).toBe(false);
    expect(finishReason).toBe('tool_calls');
  });

  it('because of arguments that are too long is cut', () => {
    const long = `{"x":"${'y'.repeat(1024 * 1024)}"}`;
    const custom = { type: 'custom_tool_call', id: 'ct', call_id: 'c2', name: 'code', input: long };
    const pieces = [long.slice(0, 1_000_000), long.slice(1_000_000), long];
    const opened = functionCall('c3', '');
    const { chunks } = told([
      done(0, functionCall('c1', long)),
      done(1, custom),
      added(2, opened),
      ...pieces.map((piece) => ({
        type: 'response.function_call_arguments.delta',
        output_index: 2,
        delta: piece,
      })),
      ended(),
    ]);
    for (const chunk of chunks) {
      const invalid = chunk.type === 'tool_call' ? chunk.invalid : undefined;
      expect(invalid?.raw).toBe(long.slice(0, 1024 * 1024));
      expect(invalid?.reason).toContain('longer');
    }
    expect(chunks).toHaveLength(3);
  });

  it('because it has no name is delivered as invalid, without a block', () => {
    const item = functionCall('c1', '{"x":1}', { name: '' });
    expect(told([done(0, item), ended()]).chunks).toEqual([
      {
        type: 'tool_call',
        id: 'c1',
        name: 'unknown',
        arguments: {},
        invalid: { raw: '{"x":1}', reason: 'the call has no name' },
      },
    ]);
  });

  it('because it has no id gets one', () => {
    const item = { type: 'function_call', name: 'add', arguments: '{"x":1}' };
    const { chunks } = told([done(0, item), done(1, { ...item, call_id: '', id: '' }), ended()]);
    expect(chunks).toMatchObject([
      {
        type: 'tool_call',
        id: 'call_1',
        block: blockOf({ ...item, call_id: 'call_1', status: 'completed' }),
      },
      { type: 'tool_call', id: 'call_2' },
    ]);
  });
});
