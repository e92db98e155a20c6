import { describe, expect, it } from 'vitest';

import { block, call, delta, ending, json, opening, start, TEXT, text } from './events.ts';
import { decode, told } from '../support.ts';

/** Nested arrays, `[[[...]]]`, of this many levels. */
const nest = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('R52 arguments that cannot be read', () => {
  it.each([
    ['no JSON', '{"a":', 'the arguments are not valid JSON'],
    ['two values', '{"a":1}{"a":2}', 'the arguments are not valid JSON'],
    ['too deep', nest(65), 'the arguments are nested more than 64 levels deep'],
    ['far too deep', nest(200_000), 'the arguments are nested more than 64 levels deep'],
  ])('make the call invalid and keep the rest: %s', (_name, raw, reason) => {
    const { chunks, reply } = decode([
      opening(),
      ...block(0, TEXT, text('Hi')),
      ...block(1, call('a'), json(raw.slice(0, 3)), json(raw.slice(3))),
      ...block(2, call('b'), json('{"n":2}')),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual(['text: Hi', `call: toolu_a a invalid ${raw}`, 'call: toolu_b b {"n":2}']);
    expect(chunks.find(({ type }) => type === 'tool_call')).toMatchObject({
      arguments: {},
      invalid: { reason },
    });
    expect(reply).toMatchObject({ finishReason: 'tool_calls', usage: { outputTokens: 9 } });
    expect(JSON.parse(JSON.stringify(chunks))).toEqual(chunks);
  });

  it('may be nested 64 levels deep', () => {
    const { chunks } = decode([opening(), ...block(0, call('a'), json(nest(64))), ...ending('tool_use')]);
    expect(told(chunks)).toEqual([`call: toolu_a a ${nest(64)}`]);
  });

  it('are cut if they are longer than the limit, in deltas and in the start', () => {
    const limits = { maxArgumentsCharacters: 20 };
    const reason = 'the arguments are longer than 20 characters';
    const long = `{"a":"${'x'.repeat(200)}"}`;
    const pieces = long.match(/.{1,8}/g) ?? [];
    for (const events of [
      block(0, call('a'), ...pieces.map(json)),
      block(0, call('a', { input: { a: 'x'.repeat(200) } })),
    ]) {
      const { chunks } = decode([opening(), ...events, ...ending('tool_use')], limits);
      expect(chunks.at(-1)).toMatchObject({ type: 'tool_call', invalid: { raw: long.slice(0, 20), reason } });
    }
  });

  it('and a name that is missing make an invalid call, too', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, { type: 'tool_use', id: 't', input: {} }, json('{"n":1}')),
      ...block(1, { type: 'tool_use', id: 'u', name: null, input: { n: 2 } }),
      ...ending('tool_use'),
    ]);
    expect(chunks).toEqual(
      [
        ['t', '{"n":1}'],
        ['u', '{"n":2}'],
      ].map(([id, raw]) => ({
        ...{ type: 'tool_call', id, name: 'unknown', arguments: {}, call: 0 },
        invalid: { raw, reason: 'the call has no name' },
      })),
    );
  });

  it.each(['max_tokens', 'model_context_window_exceeded', 'refusal', 'content_filter'])(
    'R23 in the last call of a reply that was cut (%s) leave the call out',
    (reason) => {
      for (const deltas of [[json('{"path":"/et')], [json('')], []]) {
        for (const stopped of [true, false]) {
          const last = block(1, call('cut'), ...deltas).slice(0, stopped ? undefined : -1);
          const { chunks } = decode([
            opening(),
            ...block(0, call('a'), json('{"n":1}')),
            ...last,
            ...ending(reason),
          ]);
          expect(told(chunks)).toEqual(['call: toolu_a a {"n":1}']);
        }
      }
    },
  );

  it('in a call in the middle of a reply that was cut make the call invalid', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call('a'), json('{"n":')),
      ...block(1, TEXT, text('x')),
      ...ending('max_tokens'),
    ]);
    expect(told(chunks)).toEqual(['text: x', 'call: toolu_a a invalid {"n":']);
  });
});

describe('arguments', () => {
  it('may be JSON text in the start', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call('a', { input: '{"n":1}' })),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual(['call: toolu_a a {"n":1}']);
  });

  it('may be an object in a delta', () => {
    const whole = { type: 'input_json_delta', partial_json: { n: 1 } };
    const { chunks } = decode([opening(), ...block(0, call('a'), whole), ...ending('tool_use')]);
    expect(told(chunks)).toEqual(['call: toolu_a a {"n":1}']);
  });

  it('in deltas replace those in the start', () => {
    const { chunks } = decode([
      opening(),
      ...block(0, call('a', { input: { n: 1 } }), json('{"n":'), json('2}')),
      ...ending('tool_use'),
    ]);
    expect(told(chunks)).toEqual(['call: toolu_a a {"n":2}']);
  });

  it('in very many deltas are joined in linear time', () => {
    const count = 200_000;
    const pieces = Array.from({ length: count }, () => delta(0, json('"x",')));
    const events = [opening(), start(0, call('a')), delta(0, json('[')), ...pieces, delta(0, json('0]'))];
    const { chunks } = decode([...events, ...ending('tool_use')]);
    const last = chunks.at(-1);
    expect(last?.type === 'tool_call' && last.arguments).toHaveLength(count + 1);
  });

  it('with prototype keys are harmless, also complete in the start', () => {
    const input: unknown = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}');
    const { chunks } = decode([opening(), ...block(0, call('a', { input })), ...ending('tool_use')]);
    const last = chunks.at(-1);
    const args = last?.type === 'tool_call' ? last.arguments : undefined;
    expect(Object.keys(args ?? {})).toEqual(['__proto__', 'constructor']);
    expect('polluted' in {}).toBe(false);
  });
});
