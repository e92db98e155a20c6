import { describe, expect, it } from 'vitest';

import { block, call, ending, json, opening } from '../reply/events.ts';
import { decode, said, told } from '../support.ts';

describe('R45 ids of calls', () => {
  it('are made unique if two calls share one', () => {
    const grep = { type: 'tool_use', id: 'grep:3', name: 'grep', input: {} };
    const { chunks } = decode([
      opening(),
      ...block(0, grep, json('{"q":"a"}')),
      ...block(1, grep, json('{"q":"b"}')),
      ...block(2, { ...grep, name: 'read' }, json('{"q":"a"}')),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual([
      'call: grep:3 grep {"q":"a"}',
      'call: grep:3_2 grep {"q":"b"}',
      'call: grep:3_3 read {"q":"a"}',
    ]);
  });

  it('with the same call twice make one call', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call('a'), json('{"n":1}')),
      ...block(1, call('a'), json('{ "n": 1 }')),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual(['call: toolu_a a {"n":1}']);
    expect(chunks.filter(({ type }) => type === 'tool_call_delta')).toHaveLength(2);
  });

  it('are made up if they are missing or empty, and are never one that the server gives', () => {
    const none = { type: 'tool_use', name: 'a', input: {} };
    expect(
      said(
        block(0, { ...none, id: 'call_2' }, json('{"n":1}')),
        block(1, none, json('{"n":2}')),
        block(2, { ...none, id: '' }, json('{"n":3}')),
        block(3, { ...none, id: 'call_3' }, json('{"n":4}')),
        block(4, { ...none, id: null }, json('{"n":5}')),
      ),
    ).toEqual([
      'call: call_2 a {"n":1}',
      'call: call_2_2 a {"n":2}',
      'call: call_3 a {"n":3}',
      'call: call_3_2 a {"n":4}',
      'call: call_5 a {"n":5}',
    ]);
  });
});
