import { describe, expect, it } from 'vitest';

import { added, created, done, ended, functionCall } from './events.ts';
import { blockOf, callsOf, decode } from '../support.ts';

/** The calls of a stream as `id name arguments`. */
function called(events: readonly object[]): string[] {
  const { chunks, error } = decode('responses', [created(), ...events]);
  expect(error).toBeUndefined();
  return callsOf(chunks).map(({ id, name, arguments: args }) => `${id} ${name} ${JSON.stringify(args)}`);
}

const argumentsDelta = (content: string, more: object): object => ({
  type: 'response.function_call_arguments.delta',
  delta: content,
  ...more,
});
const argumentsDone = (text: string, more: object = {}): object => ({
  type: 'response.function_call_arguments.done',
  arguments: text,
  ...more,
});
const none = undefined;

describe('a call that comes in several events is delivered once', () => {
  const call = functionCall('c1', '{"x":1}');
  const opened = { ...call, arguments: '' };

  it.each<[string, object[]]>([
    ['only in its item', [done(0, call), ended()]],
    ['only in the list', [ended({ output: [call] })]],
    [
      'by its announcement and its deltas',
      [
        added(0, opened),
        argumentsDelta('{"x":', { output_index: 0 }),
        argumentsDelta('1}', { output_index: 0 }),
        ended(),
      ],
    ],
    [
      'by its announcement and its complete arguments',
      [added(0, opened), argumentsDone('{"x":1}', { output_index: 0 }), ended()],
    ],
    ['in its announcement', [added(0, call), ended()]],
    [
      'by its announcement, and its end without arguments',
      [added(0, opened), argumentsDone('{"x":1}', { output_index: 0 }), done(0, opened), ended()],
    ],
    ['done before it is announced', [done(0, call), added(0, opened), ended()]],
    ['done twice', [done(0, call), done(0, call), ended({ output: [call] })]],
    ['listed under another id', [done(0, call), ended({ output: [{ ...call, id: 'fc_other' }] })]],
    [
      'listed under other ids, as by vLLM',
      [done(0, call), ended({ output: [{ ...call, id: 'fc_2', call_id: 'c2' }] })],
    ],
    [
      'whose ids change with each event',
      [
        added(0, { ...opened, id: 'a' }),
        argumentsDelta('{"x":', { output_index: 0, item_id: 'b' }),
        argumentsDelta('1}', { output_index: 0, item_id: 'c' }),
        argumentsDone('{"x":1}', { output_index: 0, item_id: 'd' }),
        done(0, { ...call, id: 'e' }),
        ended({ output: [{ ...call, id: 'f' }] }),
      ],
    ],
    [
      'that is named by its call id alone, as with llama.cpp',
      [
        added(none, { ...opened, id: none }),
        argumentsDelta('{"x":1}', { item_id: 'c1' }),
        done(none, { ...call, id: none }),
        ended({ output: [{ ...call, id: none }] }),
      ],
    ],
    [
      'whose announcement is missing',
      [argumentsDelta('{"x":1}', { output_index: 0, item_id: 'fc_c1' }), done(0, call), ended()],
    ],
    [
      'at the place of a reasoning item',
      [done(0, { type: 'reasoning', id: 'rs_1', summary: [] }), added(0, opened), done(0, call), ended()],
    ],
    [
      'whose arguments are an object',
      [done(0, { ...call, arguments: { x: 1 } }), ended({ output: [{ ...call, arguments: { x: 1 } }] })],
    ],
    [
      'of which an event comes twice',
      [
        added(0, opened),
        argumentsDelta('{"x":', { output_index: 0, sequence_number: 2 }),
        argumentsDelta('{"x":', { output_index: 0, sequence_number: 2 }),
        argumentsDelta('1}', { output_index: 0, sequence_number: 3 }),
        ended(),
      ],
    ],
  ])('%s', (_name, events) => {
    expect(called(events)).toEqual(['c1 add {"x":1}']);
  });

  it('with the id that its last event has', () => {
    const { chunks } = decode('responses', [
      created(),
      added(0, { ...opened, call_id: 'early' }),
      argumentsDelta('{"x":1}', { output_index: 0 }),
      done(0, { ...call, id: 'fc_c1' }),
      ended(),
    ]);
    expect(callsOf(chunks)).toEqual([{ id: 'c1', name: 'add', arguments: { x: 1 } }]);
    const late = chunks.flatMap((chunk) =>
      chunk.type === 'tool_call_delta' && chunk.id === 'c1' ? [chunk] : [],
    );
    expect(late.map((chunk) => chunk.argumentsDelta).join('')).toBe('{"x":1}');
  });

  it('with the block of its announcement, completed, if its end never came', () => {
    const { chunks } = decode('responses', [
      created(),
      added(0, { ...opened, status: 'in_progress', namespace: 'n' }),
      argumentsDone('{"x":1}', { output_index: 0 }),
      ended(),
    ]);
    expect(chunks.at(-1)).toMatchObject({
      block: blockOf({ ...call, status: 'completed', namespace: 'n' }),
    });
  });
});

describe('two calls are told apart', () => {
  const [one, two] = [functionCall('c1', '{"x":1}'), functionCall('c2', '{"x":2}')];
  const opened = (item: object): object => ({ ...item, arguments: '' });
  const both = ['c1 add {"x":1}', 'c2 add {"x":2}'];

  it.each<[string, object[]]>([
    [
      'at one place',
      [
        added(0, opened(one)),
        added(0, opened(two)),
        argumentsDelta('{"x":', { output_index: 0, item_id: 'fc_c1' }),
        argumentsDelta('{"x":', { output_index: 0, item_id: 'fc_c2' }),
        argumentsDelta('2}', { output_index: 0, item_id: 'fc_c2' }),
        argumentsDelta('1}', { output_index: 0, item_id: 'fc_c1' }),
        ended(),
      ],
    ],
    ['at one place, by their ends alone', [done(0, one), done(0, two), ended()]],
    [
      'without places, interleaved',
      [
        added(none, opened(one)),
        added(none, opened(two)),
        argumentsDelta('{"x":2}', { item_id: 'fc_c2' }),
        argumentsDelta('{"x":1}', { item_id: 'fc_c1' }),
        ended(),
      ],
    ],
    [
      'whose complete arguments come without ids, as from llama.cpp',
      [
        added(none, opened(one)),
        added(none, opened(two)),
        argumentsDone('{"x":1}'),
        argumentsDone('{"x":2}'),
        ended(),
      ],
    ],
    [
      'with one item id',
      [
        done(0, { ...one, id: 'fc_0' }),
        done(1, { ...two, id: 'fc_0' }),
        ended({
          output: [
            { ...one, id: 'fc_0' },
            { ...two, id: 'fc_0' },
          ],
        }),
      ],
    ],
    ['of which only the list has one', [done(0, one), ended({ output: [one, two] })]],
    ['listed in another order', [done(0, one), done(1, two), ended({ output: [two, one] })]],
    ['of which one is announced and one listed', [added(0, one), ended({ output: [two] })]],
  ])('%s', (_name, events) => {
    expect(called(events).toSorted()).toEqual(both);
  });

  it('also if they have the same arguments', () => {
    const again = functionCall('c2', '{"x":1}');
    const twice = ['c1 add {"x":1}', 'c2 add {"x":1}'];
    expect(called([done(0, one), done(1, again), ended({ output: [one, again] })])).toEqual(twice);
    expect(called([done(0, one), ended({ output: [one, again] })])).toEqual(twice);
  });

  it('also if a proxy gives them the same call id', () => {
    const again = { ...two, call_id: 'c1' };
    const { chunks } = decode('responses', [
      created(),
      done(0, one),
      done(1, again),
      ended({ output: [one, again] }),
    ]);
    expect(callsOf(chunks)).toEqual([
      { id: 'c1', name: 'add', arguments: { x: 1 } },
      { id: 'c1_2', name: 'add', arguments: { x: 2 } },
    ]);
    expect(chunks.at(-1)).toMatchObject({ block: blockOf({ ...again, call_id: 'c1_2' }) });
  });
});
