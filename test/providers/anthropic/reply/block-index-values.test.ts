import { describe, expect, it } from 'vitest';

import {
  block,
  call,
  delta,
  json,
  opening,
  signature,
  start,
  stop,
  TEXT,
  text,
  THINKING,
  thinking,
} from './events.ts';
import { failure, said } from '../support.ts';

describe('stops', () => {
  it('without a start, and second ones, do nothing', () => {
    expect(
      said(
        stop(4),
        block(0, call('a'), json('{"n":1}')),
        stop(0),
        stop(0),
        block(1, TEXT, text('x')),
        stop(1),
      ),
    ).toEqual(['call: toolu_a a {"n":1}', 'text: x']);
  });

  it('that are missing lose nothing', () => {
    expect(
      said(
        start(0, { ...THINKING, signature: 's' }),
        delta(0, thinking('Hm')),
        start(1, TEXT),
        delta(1, text('Hi')),
        start(2, { type: 'container_upload', file_id: 'f' }),
        start(3, call('a')),
        delta(3, json('{"n":1}')),
        start(4, call('b')),
        delta(4, json('{"n":2}')),
      ),
    ).toEqual([
      'thinking: Hm',
      'thought: {"type":"thinking","thinking":"Hm","signature":"s"}',
      'text: Hi',
      'block: {"type":"container_upload","file_id":"f"}',
      'call: toolu_a a {"n":1}',
      'call: toolu_b b {"n":2}',
    ]);
  });
});

describe('an index that is not valid', () => {
  it.each([undefined, null, -1, 0.5, 'first', '__proto__', 'constructor', Number.NaN])(
    '%s counts as no index',
    (index) => {
      expect(
        said(
          block(index, THINKING, thinking('Hm'), signature('s')),
          block(index, TEXT, text('Hel'), text('lo')),
          block(index, call('a'), json('{"n":'), json('1}')),
          block(index, call('b'), json('{"n":2}')),
        ),
      ).toEqual([
        'thinking: Hm',
        'thought: {"type":"thinking","thinking":"Hm","signature":"s"}',
        'text: Hello',
        'call: toolu_a a {"n":1}',
        'call: toolu_b b {"n":2}',
      ]);
    },
  );

  it('may be written as text', () => {
    expect(
      said(
        start('0', call('a')),
        start('1', TEXT),
        delta('1', text('Hel')),
        delta('0', json('{"n":1}')),
        delta('1', text('lo')),
        stop('1'),
        stop('0'),
      ),
    ).toEqual(['text: Hello', 'call: toolu_a a {"n":1}']);
    expect(failure([opening(), start('4096', TEXT)]).code).toBe('protocol');
  });

  it('may be missing only on deltas and stops, or only on starts', () => {
    const lines = ['text: Hi', 'call: toolu_a a {"n":1}', 'call: toolu_b b {"n":2}'];
    expect(
      said(
        start(0, TEXT),
        delta(undefined, text('Hi')),
        stop(undefined),
        start(1, call('a')),
        delta(undefined, json('{"n":1}')),
        stop(undefined),
        start(2, call('b')),
        delta(undefined, json('{"n":2}')),
        stop(undefined),
      ),
    ).toEqual(lines);
    expect(
      said(
        start(undefined, TEXT),
        delta(0, text('Hi')),
        stop(0),
        start(undefined, call('a')),
        delta(1, json('{"n":')),
        delta(1, json('1}')),
        stop(1),
        start(undefined, call('b')),
        delta(2, json('{"n":2}')),
        stop(2),
      ),
    ).toEqual(lines);
  });

  it.each([4096, 1e9, 2 ** 53])('S10 %d is over the limit and is refused', (index) => {
    const wrong = {
      code: 'protocol',
      message: 'anthropic: the index of a content block exceeds limits.maxToolIndex (4095)',
    };
    expect(failure([opening(), start(index, TEXT)])).toMatchObject(wrong);
    expect(failure([opening(), delta(index, text('x'))])).toMatchObject(wrong);
    expect(failure([opening(), stop(index)])).toMatchObject(wrong);
  });
});
