import { describe, expect, it } from 'vitest';
import type { StreamChunk } from '../../../../src/index.ts';
import { ToolCallAssembler, type ToolCallPiece } from '../../../../providers/wire/index.ts';
import { limits } from '../transport/support.ts';

/** The finished calls as `id name arguments`. */
function calls(pieces: ToolCallPiece[], offered?: readonly string[]): string[] {
  return chunks(pieces, offered).flatMap((chunk) =>
    chunk.type === 'tool_call' ? [`${chunk.id} ${chunk.name} ${JSON.stringify(chunk.arguments)}`] : [],
  );
}

function chunks(pieces: ToolCallPiece[], offered?: readonly string[]): StreamChunk[] {
  const assembler = new ToolCallAssembler({
    provider: 'test',
    limits,
    offered: offered === undefined ? undefined : new Set(offered),
  });
  const out: StreamChunk[] = [];
  for (const piece of pieces) assembler.add(piece, out);
  assembler.end('tool_calls', out);
  return out;
}

describe("R45 a tool call's name", () => {
  it('that is split over the pieces is joined', () => {
    expect(
      calls([
        { index: 0, id: 'a', name: 'get_', arguments: '' },
        { index: 0, name: 'weather' },
        { index: 0, arguments: '{"city":"Paris"}' },
      ]),
    ).toEqual(['a get_weather {"city":"Paris"}']);
  });

  it('that is split and comes with the id on each piece is joined', () => {
    expect(
      calls([
        { index: 0, id: 'a', name: 'edit_ex' },
        { index: 0, id: 'a', name: 'isting_file' },
        { index: 0, id: 'a', arguments: '{}' },
      ]),
    ).toEqual(['a edit_existing_file {}']);
  });

  it('that is split while the arguments already come is joined', () => {
    const pieces = [
      { index: 0, id: 'a', name: 'get_', arguments: '{"city":' },
      { index: 0, name: 'weather', arguments: '"Paris"}' },
    ];
    expect(calls(pieces, ['get_weather'])).toEqual(['a get_weather {"city":"Paris"}']);
    expect(calls(pieces)).toEqual(['a get_weather {"city":"Paris"}']);
    const whole = [
      { index: 0, name: 'get_', arguments: '{"city":"Paris"}' },
      { index: 0, name: 'weather', arguments: '' },
    ];
    expect(calls(whole, ['get_weather'])).toEqual(['call_1 get_weather {"city":"Paris"}']);
  });

  it('that is repeated with each piece, with the id or without, is not joined', () => {
    const pieces = (id?: string) =>
      ['', '{"city":', '"Paris"}', ''].map((part) => ({
        index: 0,
        id,
        name: 'get_weather',
        arguments: part,
      }));
    expect(calls(pieces('a'))).toEqual(['a get_weather {"city":"Paris"}']);
    expect(calls(pieces())).toEqual(['call_1 get_weather {"city":"Paris"}']);
  });

  it('that is repeated without arguments is not joined', () => {
    const opener = { index: 0, id: 'a', name: 'now' };
    expect(calls([opener, opener, { ...opener, arguments: '' }])).toEqual(['a now {}']);
  });

  it('that grows with each piece ends as the last one', () => {
    const pieces = ['get', 'get_wea', 'get_weather'].map((name) => ({ index: 0, id: 'a', name }));
    expect(calls([...pieces, { index: 0, arguments: '{}' }])).toEqual(['a get_weather {}']);
  });

  it('whose pieces are alike is joined only if the joined name is a tool', () => {
    const pieces = [
      { index: 0, id: 'a', name: 'go' },
      { index: 0, name: 'go' },
    ];
    expect([calls(pieces, ['gogo']), calls(pieces, ['go'])]).toEqual([['a gogo {}'], ['a go {}']]);
  });

  it('of another tool that is offered belongs to another call', () => {
    const pieces = [
      { index: 0, name: 'now', arguments: '' },
      { index: 0, name: 'today', arguments: '' },
    ];
    expect(calls(pieces, ['now', 'today'])).toEqual(['call_1 now {}', 'call_2 today {}']);
  });

  it('that follows complete arguments belongs to another call', () => {
    expect(
      calls([
        { index: 0, name: 'one', arguments: '{"x":1}' },
        { index: 0, name: 'two', arguments: '' },
        { index: 0, arguments: '{"y":2}' },
        { index: 0, name: 'two', arguments: '' },
        { index: 0, arguments: '{"y":3}' },
      ]),
    ).toEqual(['call_1 one {"x":1}', 'call_2 two {"y":2}', 'call_3 two {"y":3}']);
  });

  it('that was sent before it was complete is sent again', () => {
    const deltas = chunks([
      { index: 0, id: 'a', name: 'get_', arguments: '' },
      { index: 0, name: 'weather' },
    ]).flatMap((chunk) => (chunk.type === 'tool_call_delta' ? [chunk.name] : []));
    expect(deltas).toEqual(['get_', 'get_weather']);
  });
});

describe("R45 a tool call's id", () => {
  it('that differs in each piece without a name belongs to the same call', () => {
    expect(
      calls([
        { index: 0, id: '1', name: 'get', arguments: '' },
        { index: 0, id: '2', arguments: '{"x":' },
        { index: 0, id: '3', arguments: '1}' },
        { index: 0, id: '4', arguments: '' },
        { index: 1, id: '5', name: 'get', arguments: '' },
        { index: 1, id: '6', arguments: '{"x":2}' },
      ]),
    ).toEqual(['1 get {"x":1}', '5 get {"x":2}']);
  });

  it('that changes once after the first piece belongs to the same call', () => {
    expect(
      calls([
        { index: 0, id: 'first', name: 'get', arguments: '' },
        { index: 0, id: 'rest', arguments: '{"x":' },
        { index: 0, id: 'rest', arguments: '1}' },
      ]),
    ).toEqual(['first get {"x":1}']);
  });

  it('that changes without an index, or with the name in each piece, belongs to the same call', () => {
    expect(
      calls([
        { id: '1', name: 'get', arguments: '{"x"' },
        { id: '2', arguments: ':1}' },
      ]),
    ).toEqual(['1 get {"x":1}']);
    expect(
      calls([
        { index: 0, id: '1', name: 'get', arguments: '{"x"' },
        { index: 0, id: '2', name: 'get', arguments: ':1}' },
      ]),
    ).toEqual(['1 get {"x":1}']);
  });

  it('that two calls at two indices have is made unique', () => {
    const pieces = [
      { index: 0, id: 'x', name: 'get', arguments: '{"city":"Paris"}' },
      { index: 1, id: 'x', name: 'get', arguments: '{"city":"London"}' },
    ];
    expect(calls(pieces)).toEqual(['x get {"city":"Paris"}', 'x_2 get {"city":"London"}']);
  });

  it('that two calls have whose arguments come by index is made unique', () => {
    expect(
      calls([
        { index: 0, id: 'x', name: 'get', arguments: '' },
        { index: 1, id: 'x', name: 'get', arguments: '' },
        { index: 0, id: 'x', arguments: '{"city":' },
        { index: 1, id: 'x', arguments: '{"city":' },
        { index: 0, arguments: '"Paris"}' },
        { index: 1, arguments: '"London"}' },
      ]),
    ).toEqual(['x get {"city":"Paris"}', 'x_2 get {"city":"London"}']);
  });

  it('that two calls without indices have is made unique', () => {
    const pieces = [
      { id: 'x', name: 'think', arguments: '{"thought":"a"}' },
      { id: 'x', name: 'get', arguments: '{"city":"Paris"}' },
      { id: 'x', name: 'get', arguments: '{"city":"London"}' },
    ];
    expect(calls(pieces)).toEqual([
      'x think {"thought":"a"}',
      'x_2 get {"city":"Paris"}',
      'x_3 get {"city":"London"}',
    ]);
  });

  it('is never one that the server gives another call', () => {
    const ids = ['x', 'x', 'x_2'].map((id, index) => ({
      index,
      id,
      name: 'get',
      arguments: `{"n":${index}}`,
    }));
    expect(calls(ids)).toEqual(['x get {"n":0}', 'x_2 get {"n":1}', 'x_2_2 get {"n":2}']);
  });

  it('that one call has at several indices belongs to one call', () => {
    const whole = { name: 'exec', arguments: '{"cmd":"ls"}' };
    expect(calls([0, 1, 2].map((index) => ({ index, id: 'x', ...whole })))).toEqual(['x exec {"cmd":"ls"}']);
    for (const announced of ['', '{}']) {
      const pieces = [
        { index: 0, id: 'x', name: 'exec', arguments: announced },
        { index: 1, id: 'x', name: 'exec', arguments: '{"cmd":"ls"}' },
      ];
      expect(calls(pieces)).toEqual(['x_2 exec {"cmd":"ls"}']);
    }
    expect(
      calls([
        { index: 0, id: 'x', name: 'exec', arguments: '' },
        { index: 1, id: 'x', arguments: '{"cmd":' },
        { index: 1, arguments: '"ls"}' },
      ]),
    ).toEqual(['x exec {"cmd":"ls"}']);
  });

  it('is missing if it is null or empty, and text if it is a number', () => {
    expect(
      calls([
        { index: 0, id: null, name: 'one', arguments: '{"x":' },
        { index: 0, id: '', arguments: '1}' },
        { index: 1, id: 7, name: 'two', arguments: '{"x":2}' },
      ]),
    ).toEqual(['call_1 one {"x":1}', '7 two {"x":2}']);
  });

  it('that comes after a call without an id had ended begins a call', () => {
    expect(
      calls([
        { index: 0, name: 'one', arguments: '{"x":1}' },
        { index: 0, id: 'b', name: 'one', arguments: '{"x":2}' },
      ]),
    ).toEqual(['call_1 one {"x":1}', 'b one {"x":2}']);
  });

  it('without name and arguments does not make a call', () => {
    expect(
      calls([
        { index: 0, id: '' },
        { index: 1, id: 'b' },
      ]),
    ).toEqual([]);
  });
});

describe("R45 a tool call's index", () => {
  it('that only comes with the second piece is that of the first', () => {
    expect(
      calls([
        { id: 'a', name: 'get' },
        { index: 0, arguments: '{"x":' },
        { index: 0, arguments: '1}' },
      ]),
    ).toEqual(['a get {"x":1}']);
  });

  it('that is used again after a call has ended belongs to another call', () => {
    expect(
      calls([
        { index: 0, name: 'one', arguments: {} },
        { index: 0, name: 'two', arguments: {} },
        { index: 0, name: 'two', arguments: { x: 1 } },
        { index: 0, name: 'two', arguments: { x: 2 } },
      ]),
    ).toEqual(['call_1 one {}', 'call_2 two {"x":1}', 'call_3 two {"x":2}']);
  });
});

describe("R45 a tool call's arguments", () => {
  it.each([
    ['as they are', '{"q":"hi"}'],
    ['as a JSON string', JSON.stringify('{"q":"hi"}')],
  ])('that are repeated at the end (%s) are not doubled', (_name, again) => {
    expect(
      calls([
        { index: 0, id: 'a', name: 'search', arguments: '{"q":' },
        { index: 0, id: 'a', arguments: '"hi"}' },
        { index: 0, id: 'a', name: 'search', arguments: again },
        { index: 0, arguments: again },
      ]),
    ).toEqual(['a search {"q":"hi"}']);
  });

  it('that hold braces and quotes in strings are not cut there', () => {
    const code = JSON.stringify({ code: '}{"name":"x"}', more: ['\\"}', '{'] });
    const pieces = Array.from(code, (character) => ({ index: 0, name: 'run', arguments: character }));
    expect(calls(pieces)).toEqual([`call_1 run ${code}`]);
  });

  it('that are encoded twice are decoded twice', () => {
    const twice = JSON.stringify('{"city":"Paris"}');
    expect(calls([{ index: 0, id: 'a', name: 'get', arguments: twice }])).toEqual(['a get {"city":"Paris"}']);
    expect(calls([{ index: 0, id: 'a', name: 'get', arguments: '"Paris"' }])).toEqual(['a get "Paris"']);
  });

  it('that are null are empty', () => {
    expect(calls([{ index: 0, id: 'a', name: 'now', arguments: 'null' }])).toEqual(['a now {}']);
  });
});
