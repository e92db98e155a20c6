import { describe, expect, it } from 'vitest';
import type { StreamChunk } from '../../../../src/index.ts';
import { ToolCallAssembler, type Limits, type ToolCallPiece } from '../../../../providers/wire/index.ts';
import { JsonProgress } from '../../../../providers/wire/calls/json-progress.ts';
import { limits } from '../transport/support.ts';

/** An assembler, what it pushed, and the finished calls. */
function assembler(over: Partial<Limits> = {}, offered?: ReadonlySet<string>) {
  const out: StreamChunk[] = [];
  const calls = new ToolCallAssembler({ provider: 'test', limits: { ...limits, ...over }, offered });
  return {
    add: (piece: ToolCallPiece) => calls.add(piece, out),
    settle: (piece: ToolCallPiece) => calls.settle(piece, out),
    end: () => {
      calls.end('tool_calls', out);
      return out.filter((chunk) => chunk.type === 'tool_call');
    },
    deltas: () => out.flatMap((chunk) => (chunk.type === 'tool_call_delta' ? [chunk.argumentsDelta] : [])),
  };
}

const first = (args?: unknown): ToolCallPiece => ({ index: 0, id: 'a', name: 'get', arguments: args });
const then = (args: unknown): ToolCallPiece => ({ index: 0, arguments: args });

describe('a start value', () => {
  it('is kept if what follows does not begin the real arguments', () => {
    const { add, end } = assembler();
    add(first('{}'));
    add(then('x'));
    expect(end()).toMatchObject([{ invalid: { raw: '{}x' } }]);
  });

  it('is kept before white space, and replaced after it', () => {
    const blank = assembler();
    blank.add(first('{}'));
    blank.add(then(' '));
    expect([blank.end(), blank.deltas()]).toMatchObject([[{ arguments: {} }], ['{} ']]);
    const more = assembler();
    more.add(first('{}'));
    more.add(then(' '));
    more.add(then(' {"x":1}'));
    expect([more.end(), more.deltas()]).toMatchObject([[{ arguments: { x: 1 } }], [' {"x":1}']]);
  });

  it('is one only as the first text: an empty object within the arguments is part of them', () => {
    const { add, end } = assembler();
    for (const part of ['{"x":', '{}', '}']) add(part === '{"x":' ? first(part) : then(part));
    expect(end()).toMatchObject([{ arguments: { x: {} } }]);
  });

  it('that is a value is replaced by another value, and a text is not', () => {
    const values = assembler();
    values.add(first({ x: 1 }));
    values.add({ index: 0, id: 'a', arguments: { y: 2 } });
    expect(values.end()).toMatchObject([{ arguments: { y: 2 } }]);
    const text = assembler();
    text.add(first('{"x":1'));
    text.add({ index: 0, id: 'a', arguments: { y: 2 } });
    text.add(then('}'));
    expect(text.end()).toMatchObject([{ arguments: { x: 1 } }]);
  });

  it('that cannot be written as text is forgotten when the real arguments come', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 80; level++) deep = [deep];
    const { add, end } = assembler();
    add(first({ deep }));
    add(then('{"x":1}'));
    expect(end()).toEqual([{ type: 'tool_call', id: 'a', name: 'get', arguments: { x: 1 }, call: 0 }]);
  });
});

describe('the final arguments', () => {
  it('replace those that came, and only what is new is pushed', () => {
    const goesOn = assembler();
    goesOn.add(first('{"x":'));
    goesOn.settle({ index: 0, arguments: '{"x":1}' });
    expect([goesOn.end(), goesOn.deltas()]).toMatchObject([[{ arguments: { x: 1 } }], ['{"x":', '1}']]);
    const differs = assembler();
    differs.add(first('{"x":'));
    differs.settle({ index: 0, arguments: '{"y":1}' });
    expect([differs.end(), differs.deltas()]).toMatchObject([[{ arguments: { y: 1 } }], ['{"x":']]);
  });

  it('may be a value, or the text of a free-form input', () => {
    const value = assembler();
    value.settle({ index: 0, id: 'a', name: 'get', arguments: { x: 1 } });
    expect(value.end()).toMatchObject([{ arguments: { x: 1 } }]);
    const input = assembler();
    input.settle({ index: 0, id: 'a', name: 'get', input: '{"x":1}' });
    expect(input.end()).toMatchObject([{ arguments: '{"x":1}' }]);
  });

  it('as a free-form input may be as long as the limit', () => {
    for (const [input, expected] of [
      ['x'.repeat(10), { arguments: 'x'.repeat(10) }],
      ['x'.repeat(11), { arguments: {}, invalid: { raw: 'x'.repeat(10) } }],
    ] as const) {
      const { add, end } = assembler({ maxArgumentsCharacters: 10 });
      add({ index: 0, id: 'a', name: 'get', input });
      expect(end()).toMatchObject([expected]);
    }
  });

  it('that are missing leave those that came', () => {
    const { add, settle, end } = assembler();
    add(first('{"x":1}'));
    settle({ index: 0, name: 'better' });
    expect(end()).toMatchObject([{ name: 'better', arguments: { x: 1 } }]);
  });

  it('belong to the call with their id, then to that at their index, then to the last one', () => {
    const byId = assembler();
    byId.add({ index: 0, id: 'a', name: 'one' });
    byId.add({ index: 1, id: 'b', name: 'two' });
    byId.settle({ index: 1, id: 'a', arguments: '{"x":1}' });
    byId.settle({ index: 1, arguments: '{"y":1}' });
    expect(byId.end()).toMatchObject([{ arguments: { x: 1 } }, { arguments: { y: 1 } }]);
    const last = assembler();
    last.add({ id: 'a', name: 'one' });
    last.add({ id: 'b', name: 'two' });
    last.settle({ arguments: '{"y":1}' });
    expect(last.end()).toMatchObject([{ arguments: {} }, { arguments: { y: 1 } }]);
  });

  it('with an id that no call has make a call, unless the one at their index has none', () => {
    const other = assembler();
    other.add({ index: 0, id: 'a', name: 'one' });
    other.settle({ index: 0, id: 'b', name: 'two', arguments: '{"y":1}' });
    expect(other.end()).toMatchObject([
      { id: 'a', arguments: {} },
      { id: 'b', arguments: { y: 1 } },
    ]);
    const late = assembler();
    late.add({ index: 0, name: 'one' });
    late.settle({ index: 0, id: 'b', arguments: '{"y":1}' });
    expect(late.end()).toMatchObject([{ id: 'b', name: 'one', arguments: { y: 1 } }]);
  });

  it('count towards the size of the reply only with what they add', () => {
    const { add, settle } = assembler({ maxOutputCharacters: 10 });
    add(first('{"x":"1"'));
    settle({ index: 0, arguments: '{"x":"1"}' });
    settle({ index: 0, arguments: '{"x":"12"}' });
    expect(() => settle({ index: 0, arguments: '{"x":"123"}' })).toThrow('limits.maxOutputCharacters (10)');
  });
});

describe('the original form of a call', () => {
  const block = (data: unknown) => ({ provider: 'test', data });

  it('has the fields of all blocks that came, the later ones over the earlier', () => {
    const { add, end } = assembler();
    add({ ...first(), block: block({ a: 1, b: 1 }) });
    add({ index: 0, block: block({ b: 2, c: 3 }) });
    add({ index: 0, block: block({ d: 4 }) });
    expect(end()).toMatchObject([{ block: block({ a: 1, b: 2, c: 3, d: 4 }) }]);
  });

  it('is the later block if one of them has no fields, or if it is settled', () => {
    for (const [before, now] of [
      [{ a: 1 }, 'x'],
      ['x', { a: 1 }],
    ]) {
      const { add, end } = assembler();
      add({ ...first(), block: block(before) });
      add({ index: 0, block: block(now) });
      expect(end()).toMatchObject([{ block: block(now) }]);
    }
    const { add, settle, end } = assembler();
    add({ ...first(), block: block({ a: 1 }) });
    add({ index: 0, block: block({ b: 2 }) });
    settle({ index: 0, block: block({ c: 3 }) });
    expect(end().map((call) => call.block)).toEqual([block({ c: 3 })]);
  });

  it('S10 does not grow over the size that arguments may have', () => {
    const { add, end } = assembler({ maxArgumentsCharacters: 10 });
    add({ ...first(), block: block({ a: 'xx' }) });
    add({ index: 0, block: block({ b: 'xxxx' }) }); // 4 + 6 characters of JSON
    add({ index: 0, block: block({ c: 1, b: 'x' }) }); // one over, then three less
    add({ index: 0, block: block({ d: 123 }) });
    add({ index: 0, block: block({ e: 1 }) });
    expect(end().map((call) => call.block)).toEqual([block({ a: 'xx', b: 'x', d: 123 })]);
  });
});

describe('a piece with another id', () => {
  it('begins a call if the one before has no name yet', () => {
    const { add, end } = assembler();
    add({ index: 0, id: 'a', arguments: '{"x":1' });
    add({ index: 0, id: 'b', arguments: '2' });
    expect(end().map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it.each([
    ['the start of arguments', '{"y":1}'],
    ['blank arguments', ' '],
  ])('begins a call if it has the name again and %s', (_what, args) => {
    const { add, end } = assembler();
    add(first('{"x":1'));
    add({ index: 0, id: 'b', name: 'get', arguments: args });
    expect(end().map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it.each([
    ['has no arguments yet', ''],
    ['has all of its arguments', '{"x":1}'],
  ])('begins a call if it has the name again, and the one before %s', (_what, args) => {
    const { add, end } = assembler();
    add(first(args));
    add({ index: 0, id: 'b', name: 'get', arguments: '"y"' });
    expect(end().map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('goes on with the call before if it has the name again and more of its arguments', () => {
    const { add, end } = assembler();
    add(first('{"x":1'));
    add({ index: 0, id: 'b', name: 'get', arguments: '2}' });
    expect(end()).toMatchObject([{ id: 'a', arguments: { x: 12 } }]);
  });

  it('goes on with the call before if it has only more arguments', () => {
    const { add, end } = assembler();
    add(first('{"x":1'));
    add({ index: 0, id: 'b', arguments: '2}' });
    expect(end()).toMatchObject([{ id: 'a', arguments: { x: 12 } }]);
  });

  it.each([
    ['no arguments', { id: 'b' }],
    ['another name', { id: 'b', name: 'set', arguments: '2}' }],
  ])('begins a call if it has %s', (_what, piece) => {
    const { add, end } = assembler();
    add(first('{"x":1'));
    add({ index: 0, ...piece });
    add({ index: 0, id: 'b', name: 'set' });
    expect(end().map(({ id }) => id)).toEqual(['a', 'b']);
  });
});

describe('a piece with a known id and the name again', () => {
  it.each([
    [0, undefined],
    [undefined, 0],
    [0, 0],
  ])('belongs to its call at index %s if it has the index %s', (index, later) => {
    const { add, end } = assembler();
    add({ ...first('{"x":1'), index });
    add({ index: later, id: 'a', name: 'get', arguments: '2}' });
    expect(end()).toMatchObject([{ id: 'a', arguments: { x: 12 } }]);
  });

  it('begins a call at another index', () => {
    const { add, end } = assembler();
    add(first('{"x":1}'));
    add({ index: 1, id: 'a', name: 'get', arguments: '{"y":1}' });
    expect(end()).toMatchObject([{ arguments: { x: 1 } }, { arguments: { y: 1 } }]);
  });
});

describe('a piece that repeats all arguments', () => {
  it.each([
    ['as they are', '{"x":1}'],
    ['with white space', ' {"x":1}\n'],
    ['as a JSON string', '"{\\"x\\":1}"'],
    ['as a JSON string with white space', ' " {\\"x\\":1} "'],
  ])('adds nothing: %s', (_how, again) => {
    const { add, end, deltas } = assembler();
    add(first('{"x":1}'));
    add(then(again));
    expect([end(), deltas()]).toMatchObject([[{ arguments: { x: 1 } }], ['{"x":1}']]);
  });

  it.each([
    ['another value', '{"x":2}'],
    ['another JSON string', '"{\\"x\\":2}"'],
    ['a string that is not closed', '"{\\"x\\":1}'],
    ['a string of no text', '"         '],
  ])('is not one that has %s', (_what, more) => {
    const { add, end } = assembler();
    add(first('{"x":1}'));
    add(then(more));
    expect(end()).toMatchObject([{ invalid: { raw: `{"x":1}${more}` } }]);
  });
});

describe('arguments that are encoded twice', () => {
  it.each([
    ['an object', '"{\\"x\\":1}"', { x: 1 }],
    ['a list', '"[1]"', '[1]'],
    ['words', '"words"', 'words'],
  ])('are decoded if they are %s', (_what, text, expected) => {
    const { add, end } = assembler();
    add(first(text));
    expect(end()).toMatchObject([{ arguments: expected }]);
  });
});

describe('the progress of a JSON text', () => {
  it.each([
    ['{"a":1}', true],
    ['{"a":[1]', false],
    ['{"a":[1]}', true],
    ['[]', true],
    ['"x"', true],
    ['"x', false],
    ['"x\\"', false],
    ['"x\\\\"', true],
    ['{"a":"}"', false],
    ['{"a":"\\"}"', false],
    ['{"a":"b"', false],
    ['}', true],
    ['12', false],
    ['', false],
  ])('%s has ended: %s', (text, ended) => {
    const whole = new JsonProgress();
    whole.add(text);
    expect(whole.ended).toBe(ended);
    const pieces = new JsonProgress();
    const answers = Array.from(text, (character) => {
      pieces.add(character);
      return pieces.ended;
    });
    expect(answers.at(-1) ?? false).toBe(ended);
  });
});
