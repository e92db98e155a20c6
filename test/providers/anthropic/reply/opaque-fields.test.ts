import { describe, expect, it } from 'vitest';

import { block, call, ending, json, opening, signature, TEXT, text, THINKING, thinking } from './events.ts';
import { blockOf, decode, told } from '../support.ts';

const thoughtsOf = (...events: (object | object[])[]): unknown[] =>
  decode([opening(), ...events.flat(), ...ending()]).chunks.flatMap((chunk) =>
    chunk.type === 'thinking' && chunk.block !== undefined ? [chunk.block.data] : [],
  );

describe('R48 the signature of thinking', () => {
  it.each([
    ['in one delta', [signature('EqQB')]],
    ['in pieces', [signature('Eq'), signature('QB')]],
    ['growing', [signature('Eq'), signature('EqQB')]],
    ['repeated', [signature('EqQB'), signature('EqQB')]],
    ['with an empty delta', [signature('EqQB'), signature('')]],
  ])('goes back complete if it comes %s', (_name, deltas) => {
    const whole = [{ type: 'thinking', thinking: 'Hm', signature: 'EqQB' }];
    expect(thoughtsOf(block(0, THINKING, thinking('Hm'), ...deltas))).toEqual(whole);
    expect(
      thoughtsOf(block(0, { ...THINKING, signature: 'EqQB' }, thinking('Hm'), ...deltas.slice(1))),
    ).toEqual(
      deltas.length > 1 && deltas[1]?.signature === 'QB' ? [{ ...whole[0], signature: 'EqQBQB' }] : whole,
    );
  });

  it('stays empty or missing if a server leaves it so', () => {
    expect(thoughtsOf(block(0, THINKING, thinking('Hm')))).toEqual([
      { type: 'thinking', thinking: 'Hm', signature: '' },
    ]);
    expect(thoughtsOf(block(0, { type: 'thinking', thinking: '' }, thinking('Hm')))).toEqual([
      { type: 'thinking', thinking: 'Hm' },
    ]);
  });

  it('is in a block with all other fields that came', () => {
    const start = { ...THINKING, format: 'v2' };
    const more = { type: 'estimate_delta', estimated_tokens: 50, format: '.1' };
    expect(thoughtsOf(block(0, start, thinking('Hm'), more, signature('s')))).toEqual([
      { type: 'thinking', thinking: 'Hm', signature: 's', format: 'v2.1', estimated_tokens: 50 },
    ]);
  });

  it('is read if a proxy put the thinking into the field of a text delta', () => {
    const wrong = { type: 'thinking_delta', text: 'Hm' };
    expect(thoughtsOf(block(0, THINKING, wrong))).toEqual([
      { type: 'thinking', thinking: 'Hm', signature: '' },
    ]);
  });
});

describe('R48 redacted thinking', () => {
  it('goes back unchanged, even if its stop is missing', () => {
    const redacted = { type: 'redacted_thinking', data: 'Em8K', extra: { a: [1] } };
    const { chunks } = decode([
      opening(),
      ...block(0, redacted).slice(0, 1),
      ...block(1, TEXT, text('x')),
      ...ending(),
    ]);
    expect(chunks[0]).toEqual({ type: 'thinking', content: '', block: blockOf(redacted), call: 0 });
    expect(thoughtsOf(block(0, redacted))).toEqual([redacted]);
  });
});

describe('R48 the container of a reply', () => {
  const container = { id: 'container_1', expires_at: '2026-01-15T14:30:00Z' };
  const line = `block: ${JSON.stringify({ ...container, type: 'container' })}`;

  it('is delivered once at the end of the reply, wherever it came', () => {
    const [stopped, end] = [ending()[0] ?? {}, { type: 'message_stop' }];
    const told_ = (first: object, last: object): string[] =>
      told(
        decode([opening('msg_1', first), ...block(0, TEXT, text('Hi')), { ...stopped, ...last }, end]).chunks,
      );
    const inDelta = { delta: { stop_reason: 'end_turn', container } };
    expect(told_({}, inDelta)).toEqual(['text: Hi', line]);
    expect(told_({ container }, {})).toEqual(['text: Hi', line]);
    expect(told_({ container: { id: 'old' } }, inDelta)).toEqual(['text: Hi', line]);
    expect(told_({ container }, { delta: { stop_reason: 'end_turn', container: null } })).toEqual([
      'text: Hi',
      line,
    ]);
    expect(told_({ container: null }, {})).toEqual(['text: Hi']);
  });

  it('keeps its skills', () => {
    const skills = [{ type: 'anthropic', skill_id: 'pptx', version: '20251013' }];
    const delta = { stop_reason: 'end_turn', container: { ...container, skills } };
    const { chunks } = decode([
      opening(),
      ...block(0, TEXT, text('x')),
      { type: 'message_delta', delta },
      ...ending(),
    ]);
    expect(chunks.at(-1)).toEqual({
      type: 'content',
      content: '',
      block: blockOf({ type: 'container', ...container, skills }),
      call: 0,
    });
  });
});

describe('R48 unknown fields of a call', () => {
  it('go back in its block, from its start and from its deltas', () => {
    const more = { type: 'meta_delta', toolset_name: 'computer', note: 'b' };
    const { chunks } = decode([
      opening(),
      ...block(0, call('a', { note: 'a' }), json('{"n":1}'), more),
      ...ending('tool_use'),
    ]);
    expect(chunks.at(-1)).toMatchObject({
      block: {
        data: {
          type: 'tool_use',
          id: 'toolu_a',
          name: 'a',
          input: { n: 1 },
          note: 'ab',
          toolset_name: 'computer',
        },
      },
    });
  });
});

describe('R48 blocks that are nested too deep', () => {
  /** A value nested in this many objects. */
  const nested = (levels: number): unknown => {
    let value: unknown = 'x';
    for (let level = 0; level < levels; level++) value = { value };
    return value;
  };

  it('lose the fields that are too deep, with a warning, and nothing else', () => {
    const { chunks, call: seen } = decode([
      opening(),
      ...block(0, { type: 'text', text: 'Hi', deep: nested(100_000) }),
      ...block(1, { type: 'compaction', content: 'c', deep: nested(64) }),
      ...block(2, { type: 'compaction', content: 'd', deep: nested(62) }),
      ...block(3, { type: 'compaction', content: 'e' }, { type: 'compaction_delta', deep: nested(100) }),
      ...block(4, call('a', { input: nested(100_000) })),
      ...ending(),
    ]);
    expect(JSON.stringify(chunks).length).toBeGreaterThan(100);
    expect(told(chunks).map((line) => line.slice(0, 40))).toEqual([
      'text: Hi',
      'block: {"type":"compaction","content":"c',
      'block: {"type":"compaction","content":"d',
      'call: toolu_a a invalid ',
    ]);
    expect(seen.warnings).toEqual([
      'anthropic: fields of a block that are nested too deep are left out',
      'anthropic: fields of a block that are nested too deep are left out',
      'anthropic: a block of type "compaction" is left out: it is nested too deep',
      'anthropic: fields of a block that are nested too deep are left out',
    ]);
  });

  it('are left out with a warning if their input is not JSON', () => {
    const start = { type: 'of_next_year', input: {} };
    const { chunks, call: seen } = decode([
      opening(),
      ...block(0, start, json('{"a":')),
      ...block(1, start, json('{"a":'), json('1}')),
      ...ending(),
    ]);
    expect(told(chunks)).toEqual(['block: {"type":"of_next_year","input":{"a":1}}']);
    expect(seen.warnings).toEqual([
      'anthropic: a block of type "of_next_year" is left out: its input is not valid JSON',
    ]);
  });
});
