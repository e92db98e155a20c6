import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FinishReason, StreamChunk } from '../../../../src/index.ts';
import { ToolCallAssembler, type Limits, type ToolCallPiece } from '../../../../providers/wire/index.ts';
import { limits } from '../transport/support.ts';

/** The chunks that pieces become. */
function chunksOf(
  pieces: ToolCallPiece[],
  finishReason: FinishReason = 'tool_calls',
  over: Partial<Limits> = {},
): StreamChunk[] {
  const assembler = new ToolCallAssembler({ provider: 'test', limits: { ...limits, ...over } });
  const out: StreamChunk[] = [];
  for (const piece of pieces) assembler.add(piece, out);
  assembler.end(finishReason, out);
  return out;
}

/** The finished calls as `id name arguments`, and the text of each id's deltas. */
function assembled(
  pieces: ToolCallPiece[],
  finishReason: FinishReason = 'tool_calls',
  over: Partial<Limits> = {},
  offered?: readonly string[],
) {
  const assembler = new ToolCallAssembler({
    provider: 'test',
    limits: { ...limits, ...over },
    offered: offered && new Set(offered),
  });
  const out: StreamChunk[] = [];
  for (const piece of pieces) assembler.add(piece, out);
  assembler.end(finishReason, out);
  const deltas = new Map<string, string>();
  const calls: string[] = [];
  for (const chunk of out) {
    if (chunk.type === 'tool_call')
      calls.push(`${chunk.id} ${chunk.name} ${JSON.stringify(chunk.arguments)}`);
    if (chunk.type !== 'tool_call_delta') continue;
    const name = chunk.name === undefined ? '' : `${chunk.name}:`;
    deltas.set(chunk.id, (deltas.get(chunk.id) ?? '') + name + chunk.argumentsDelta);
  }
  return { calls, deltas: Object.fromEntries(deltas) };
}

describe('tool calls', () => {
  it('in pieces give deltas at once and a finished call at the end', () => {
    expect(
      assembled([
        { index: 0, id: 'a', name: 'get', arguments: '' },
        { index: 0, arguments: '{"x":' },
        { index: 0, arguments: '1}' },
      ]),
    ).toEqual({ calls: ['a get {"x":1}'], deltas: { a: 'get:{"x":1}' } });
  });

  it('R24 are not finished before the end', () => {
    const assembler = new ToolCallAssembler({ provider: 'test', limits });
    const out: StreamChunk[] = [];
    assembler.add({ index: 0, id: 'a', name: 'get', arguments: '{"x":1}' }, out);
    assembler.add({ index: 1, id: 'b', name: 'get', arguments: '{}' }, out);
    expect(out.map((chunk) => chunk.type)).toEqual(['tool_call_delta']);
    expect(assembler.size).toBe(2);
  });

  it('R25 at index 0 with different ids are different calls', () => {
    const { calls } = assembled([
      { index: 0, id: 'a', name: 'one', arguments: '{"x":1}' },
      { index: 0, id: 'b', name: 'two', arguments: '{"x":' },
      { index: 0, arguments: '2}' },
      { index: 0, id: 'a', arguments: '' },
    ]);
    expect(calls).toEqual(['a one {"x":1}', 'b two {"x":2}']);
  });

  it('R25 with interleaved pieces at sparse indices get their own pieces', () => {
    const { calls } = assembled([
      { index: 7, id: 'a', name: 'one' },
      { index: 2, id: 'b', name: 'two' },
      { index: 7, arguments: '{"x":' },
      { index: 2, arguments: '{"y":2}' },
      { index: 7, arguments: '1}' },
    ]);
    expect(calls).toEqual(['a one {"x":1}', 'b two {"y":2}']);
  });

  it('without indices are found by id, then by order', () => {
    const { calls } = assembled([
      { id: 'a', name: 'one' },
      { arguments: '{"x":1}' },
      { id: 'b', name: 'two', arguments: '{"y"' },
      { index: null, id: '', arguments: ':2}' },
    ]);
    expect(calls).toEqual(['a one {"x":1}', 'b two {"y":2}']);
  });

  it('without ids get new ones, and are told apart by their names and braces', () => {
    const { calls, deltas } = assembled([
      { index: 0, id: '', name: 'one', arguments: '{"x":1}' },
      { index: 0, id: '', name: 'one', arguments: '{"x":2}' },
      { index: 0, name: 'two', arguments: {} },
    ]);
    expect(calls).toEqual(['call_1 one {"x":1}', 'call_2 one {"x":2}', 'call_3 two {}']);
    expect(deltas).toEqual({ call_1: 'one:{"x":1}', call_2: 'one:{"x":2}', call_3: 'two:{}' });
  });

  it('without ids whose name is repeated in each piece stay one call', () => {
    const { calls } = assembled(
      ['{"x":', '{"y":1}', '}'].map((part) => ({ index: 0, name: 'get', arguments: part })),
    );
    expect(calls).toEqual(['call_1 get {"x":{"y":1}}']);
  });

  it('never get a new id that another call has', () => {
    const { calls } = assembled([
      { index: 0, id: 'call_2', name: 'one', arguments: '{}' },
      { index: 1, name: 'two', arguments: '{}' },
    ]);
    expect(new Set(calls.map((call) => call.split(' ')[0])).size).toBe(2);
  });

  it('whose id and name come late are complete all the same', () => {
    const { calls, deltas } = assembled([
      { index: 0, arguments: '{"x"' },
      { index: 0, id: 'a', arguments: ':1' },
      { index: 0, name: 'late', arguments: '}' },
    ]);
    expect(calls).toEqual(['a late {"x":1}']);
    expect(deltas).toEqual({ a: '{"x":1late:}' });
  });

  it.each([[['{}', '{"x":', '1}']], [[{}, '{"x":1}']], [[{ old: 1 }, '{"x":1}']]])(
    'whose start value is followed by the real arguments have those: %j',
    (parts) => {
      const pieces = parts.map((part, at) => ({
        index: 0,
        arguments: part,
        ...(at === 0 && { id: 'a', name: 'get' }),
      }));
      expect(assembled(pieces)).toEqual({ calls: ['a get {"x":1}'], deltas: { a: 'get:{"x":1}' } });
    },
  );

  it.each(['', ' \n ', '{}', undefined])('R26 with the arguments %j have none', (given) => {
    expect(assembled([{ index: 0, id: 'a', name: 'get', arguments: given }]).calls).toEqual(['a get {}']);
  });

  it('R23 that were cut by the length are left out, and complete ones before them stay', () => {
    const pieces = [
      { index: 0, id: 'a', name: 'one', arguments: '{"x":1}' },
      { index: 1, id: 'b', name: 'two', arguments: '{"x":' },
    ];
    expect(assembled(pieces, 'length').calls).toEqual(['a one {"x":1}']);
    expect(assembled([{ index: 0, id: 'a', name: 'one' }], 'length').calls).toEqual([]);
    expect(assembled(pieces, 'content_filter').calls).toEqual(['a one {"x":1}']);
  });

  it.each([
    ['cut', '{"secret', 'the arguments are not valid JSON'],
    ['two values', '{"a":1}{"b":2}', 'the arguments are not valid JSON'],
    ['65 levels', `${'['.repeat(65)}${']'.repeat(65)}`, 'the arguments are nested more than 64 levels deep'],
    [
      '100,000 levels',
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      'the arguments are nested more than 64 levels deep',
    ],
  ])(
    'whose arguments cannot be read (%s) are invalid, and the others are not affected',
    (_name, raw, reason) => {
      const out = chunksOf([
        { index: 0, id: 'a', name: 'one', arguments: '{"x":1}' },
        { index: 1, id: 'b', name: 'two', arguments: raw },
        { index: 2, id: 'c', name: 'three', arguments: '{"y":2}' },
      ]);
      expect(out.slice(-3)).toEqual([
        { type: 'tool_call', id: 'a', name: 'one', arguments: { x: 1 }, call: 0 },
        { type: 'tool_call', id: 'b', name: 'two', arguments: {}, invalid: { raw, reason }, call: 0 },
        { type: 'tool_call', id: 'c', name: 'three', arguments: { y: 2 }, call: 0 },
      ]);
    },
  );

  it('with arguments nested 64 deep are read, as text and as a value', () => {
    const text = `{"a":${'['.repeat(63)}${']'.repeat(63)}}`;
    const value = JSON.parse(text);
    const read = (args: unknown) => chunksOf([{ index: 0, id: 'a', name: 'one', arguments: args }]).at(-1);
    expect(read(text)).toMatchObject({ arguments: value });
    expect(read(text)).not.toHaveProperty('invalid');
    expect(read(value)).toMatchObject({ arguments: value });
  });

  it('whose arguments are a value that is nested too deep are invalid', () => {
    const deep = JSON.parse(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
    expect(chunksOf([{ index: 0, id: 'a', name: 'one', arguments: deep }]).at(-1)).toMatchObject({
      arguments: {},
      invalid: { reason: 'the arguments are nested more than 64 levels deep' },
    });
  });

  it('without a name are invalid, with a name that can be sent back', () => {
    expect(chunksOf([{ index: 0, id: 'a', arguments: '{"x":1}' }]).at(-1)).toEqual({
      type: 'tool_call',
      id: 'a',
      name: 'unknown',
      arguments: {},
      invalid: { raw: '{"x":1}', reason: 'the call has no name' },
      call: 0,
    });
  });

  it.each(['arguments', 'input'])(
    'S10 with %s over maxArgumentsCharacters are invalid, and the rest is not kept',
    (field) => {
      const pieces = Array.from({ length: 100 }, () => ({ index: 0, [field]: 'xxxx' }));
      const out = chunksOf(
        [{ index: 0, id: 'a', name: 'one' }, ...pieces, { index: 1, id: 'b', name: 'two' }],
        'tool_calls',
        { maxArgumentsCharacters: 10 },
      );
      const what = field === 'input' ? 'the input is' : 'the arguments are';
      expect(out.slice(-2)).toEqual([
        {
          type: 'tool_call',
          id: 'a',
          name: 'one',
          arguments: {},
          invalid: { raw: 'xxxxxxxxxx', reason: `${what} longer than 10 characters` },
          call: 0,
        },
        { type: 'tool_call', id: 'b', name: 'two', arguments: {}, call: 0 },
      ]);
      const sent = out
        .map((chunk) => (chunk.type === 'tool_call_delta' ? chunk.argumentsDelta : ''))
        .join('');
      expect(sent).toBe('xxxxxxxxxxx');
    },
  );

  it('S10 over maxOutputCharacters fail although their text is not kept', () => {
    const pieces = Array.from({ length: 10 }, () => ({ index: 0, id: 'a', name: 'one', arguments: 'xxxx' }));
    const over = { maxArgumentsCharacters: 5, maxOutputCharacters: 39 };
    expect(() => chunksOf(pieces, 'tool_calls', over)).toThrow('limits.maxOutputCharacters (39)');
  });

  it('that were cut by the length and cannot be read are left out', () => {
    const out = chunksOf([{ index: 0, id: 'a', name: 'one', arguments: '[1' }], 'length');
    expect(out.filter((chunk) => chunk.type === 'tool_call')).toEqual([]);
  });

  it.each([undefined, 'get'])(
    'R15 cost time in proportion to their length, with the name %s in each piece',
    (name) => {
      const perPiece = (count: number): number => {
        const assembler = new ToolCallAssembler({ provider: 'test', limits });
        const out: StreamChunk[] = [];
        assembler.add({ index: 0, id: 'a', name: 'get', arguments: '{"x":"' }, out);
        const started = process.cpuUsage();
        for (let piece = 0; piece < count; piece++)
          assembler.add({ index: 0, name, arguments: 'abcd ' }, out);
        const { user, system } = process.cpuUsage(started);
        expect(out).toHaveLength(count + 1);
        return (user + system) / count;
      };
      perPiece(5_000);
      const short = Math.min(perPiece(5_000), perPiece(5_000), perPiece(5_000));
      expect(perPiece(100_000)).toBeLessThan(Math.max(short, 0.3) * 8);
    },
  );

  it('with free-form input have it unchanged, JSON or not', () => {
    const { calls } = assembled([
      { index: 0, id: 'a', name: 'run', input: 'print(' },
      { index: 0, input: '1)' },
    ]);
    expect(calls).toEqual(['a run "print(1)"']);
  });

  it('that are settled have the final arguments and the block', () => {
    const assembler = new ToolCallAssembler({ provider: 'test', limits });
    const out: StreamChunk[] = [];
    const block = { provider: 'test', data: { id: 'fc_1' } };
    assembler.add({ index: 3, id: 'a', name: 'get', arguments: '{"x"' }, out);
    assembler.settle({ index: 3, arguments: '{"x":1}' }, out);
    assembler.settle({ index: 3, arguments: '{"x":1}', block }, out);
    assembler.end('tool_calls', out);
    expect(out).toEqual([
      { type: 'tool_call_delta', id: 'a', name: 'get', argumentsDelta: '{"x"', call: 0 },
      { type: 'tool_call_delta', id: 'a', argumentsDelta: ':1}', call: 0 },
      { type: 'tool_call', id: 'a', name: 'get', arguments: { x: 1 }, block, call: 0 },
    ]);
  });

  it('S9 with __proto__ as index, id, name or argument pollute nothing', () => {
    const { calls } = assembled([
      { index: '__proto__', id: '__proto__', name: 'constructor', arguments: '{"__proto__":{"polluted":1}}' },
      {
        index: -1,
        id: 'constructor',
        name: '__proto__',
        arguments: '{"constructor":{"prototype":{"polluted":1}}}',
      },
    ]);
    expect(calls).toHaveLength(2);
    expect(Object.hasOwn({}, 'polluted') || 'polluted' in {}).toBe(false);
    expect(calls[0]).toBe('__proto__ constructor {"__proto__":{"polluted":1}}');
  });

  it.each<[keyof Limits, ToolCallPiece[]]>([
    ['maxToolIndex', [{ index: 4, id: 'a' }]],
    ['maxToolCalls', [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' }]],
    [
      'maxOutputCharacters',
      [
        { index: 0, arguments: 'xx' },
        { index: 0, arguments: 'xx' },
      ],
    ],
  ])('S10 over limits.%s are a protocol error', (name, pieces) => {
    expect(() => assembled(pieces, 'tool_calls', { [name]: 3 })).toThrow(`limits.${name} (3)`);
  });

  it('are the same however their arguments are cut', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue()).filter((one) => Object.keys(one).length > 0);
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(5)), (values, sizes) => {
        const pieces: ToolCallPiece[] = values.map((_, index) => ({ index, id: `id${index}`, name: 'get' }));
        const rest = values.map((one) => JSON.stringify(one));
        for (let turn = 0; rest.some((text) => text !== ''); turn++) {
          const index = turn % rest.length;
          const size = (sizes[turn % Math.max(1, sizes.length)] ?? 0) + 1;
          pieces.push({ index, arguments: rest[index]?.slice(0, size) });
          rest[index] = rest[index]?.slice(size) ?? '';
        }
        expect(assembled(pieces).calls).toEqual(
          values.map((one, index) => `id${index} get ${JSON.stringify(JSON.parse(JSON.stringify(one)))}`),
        );
      }),
    );
  });
});
