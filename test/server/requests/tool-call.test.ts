import { describe, expect, test } from 'vitest';
import { callOf } from '../../../server/requests/tool-call.ts';

const call = { type: 'tool_call', id: 'c1', name: 'pay' };
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('the arguments of a call that a client sends back', () => {
  test.each([
    ['', {}],
    ['  ', {}],
    ['{"a":1}', { a: 1 }],
    ['null', null],
    ['[null]', [null]],
    [nested(64), JSON.parse(nested(64))],
  ])('%j are read', (json, value) => {
    expect(callOf('c1', 'pay', json)).toEqual({ ...call, arguments: value });
  });

  test.each([
    ['{"a":', 'the arguments are not valid JSON'],
    [nested(66), 'the arguments are nested too deep'],
  ])('%j stay as they are, marked', (raw, reason) => {
    expect(callOf('c1', 'pay', raw)).toEqual({ ...call, arguments: {}, invalid: { raw, reason } });
  });
});
