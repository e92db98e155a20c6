import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SluiceError, changed, storedText } from 'sluice';
import type { Message, TurnEnd } from 'sluice';
import { jsonCopy } from '../../src/plain-data.ts';
import { asText } from '../../src/session/store/contents.ts';
import { migrated } from '../../src/session/store/stored.ts';
import { spendOf, sumsOf } from '../../src/session/store/sums.ts';
import { tokens } from '../core/harness.ts';

const place = { key: { owner: 'acme', id: 's' }, row: 'turn 3' };
const end: TurnEnd = { outcome: 'completed', usage: tokens(1, 2), cost: { status: 'exact', totalUsd: 0.5 } };

/** The message of the error that something throws, which must be a `store` error that is not retryable. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (
      error instanceof SluiceError &&
      error.code === 'store' &&
      !error.retryable &&
      error.cause === undefined
    )
      return error.message;
    throw error;
  }
  return 'nothing thrown';
}

describe('what is stored', () => {
  test('comes back as it was, in text that any database can hold', () => {
    const text = fc.string({ unit: 'binary' });
    const part = fc.oneof(
      fc.record({ type: fc.constant('text' as const), text }),
      fc.record({ type: fc.constant('tool_call' as const), id: text, name: text, arguments: fc.jsonValue() }),
      fc.record({
        type: fc.constant('thinking' as const),
        text,
        block: fc.record({ provider: text, data: fc.jsonValue() }),
      }),
    );
    const message: fc.Arbitrary<Message> = fc.record({
      role: fc.constantFrom('user', 'assistant'),
      content: fc.oneof(text, fc.array(part)),
    });
    fc.assert(
      fc.property(fc.array(message), fc.dictionary(text, fc.jsonValue()), (messages, metadata) => {
        const stored = asText.turn({ messages, end });
        expect(stored.isWellFormed() && !stored.includes('\0')).toBe(true);
        // JSON has no -0.
        expect(asText.readTurn(stored, place)).toEqual({
          messages: JSON.parse(JSON.stringify(messages)),
          end,
        });
        const text = storedText.session.write({ metadata });
        const session = storedText.session.read(text, place);
        expect(JSON.stringify(session.metadata)).toBe(JSON.stringify(metadata));
      }),
    );
  });

  test('has its schema version, and keeps sums and steps', () => {
    expect(JSON.parse(asText.turn({ messages: [] }))).toEqual({ v: 1, messages: [] });
    expect(JSON.parse(storedText.messages.write([]))).toEqual({ v: 1, messages: [] });
    expect(spendOf(sumsOf(end, 1))).toEqual({ usage: tokens(1, 2), cost: end.cost, turns: 1 });
    const step = { kind: 'started', callId: 'c' } as const;
    expect(storedText.step.read(storedText.step.write(step), place)).toEqual(step);
    const spent = { usage: tokens(1, 2), cost: end.cost };
    expect(asText.readStep(asText.step({ step, token: 7, spent }), place)).toEqual({ step, token: 7, spent });
  });

  test('leaves out fields that this release does not know', () => {
    const later = JSON.stringify({
      v: 1,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a', mood: 1 }], x: 1 }],
    });
    expect(storedText.messages.read(later, place)).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'a' }] },
    ]);
  });

  test('reads values that JSON cannot express as null', () => {
    const call = { type: 'tool_call', id: 'c', name: 'n', arguments: undefined } as const;
    const stored = asText.turn({ messages: [{ role: 'assistant', content: [call] }] });
    expect(asText.readTurn(stored, place).messages[0]?.content).toEqual([{ ...call, arguments: null }]);
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => asText.value(circle)).toThrow('not plain data');
  });
});

describe('what cannot be read', () => {
  test.each([
    ['{"v":1,"messages":[{"role":"user","content":"secret', 'is not valid JSON'],
    ['{"messages":[]}', 'has no schema version'],
    ['{"v":"1","messages":[]}', 'has no schema version'],
    ['{"v":0,"messages":[]}', 'has no schema version'],
    ['{"v":2,"messages":"secret"}', 'has schema version 2, and this release reads up to 1: update it'],
    [
      '{"v":1,"messages":[{"role":"secret","content":"secret"}]}',
      'is not as it was written at messages.0.role',
    ],
    [
      '{"v":1,"messages":[],"end":{"outcome":"secret"}}',
      'is not as it was written at end.outcome, end.usage, end.cost',
    ],
    ['null', 'has no schema version'],
  ])('%s', (text, why) => {
    const message = refusal(() => asText.readTurn(text, place));
    expect(message).toBe(`The session "s" cannot be read: its turn 3 ${why}.`);
    expect(message).not.toContain('secret');
  });
});

describe('an older version', () => {
  const steps = [
    (content: unknown) => ({ from: content, two: true }),
    (content: unknown) => ({ from: content, three: true }),
  ];

  test('is migrated to this one step by step', () => {
    expect(migrated({ v: 1 }, place, steps)).toEqual({ from: { from: { v: 1 }, two: true }, three: true });
    expect(migrated({ v: 2 }, place, steps)).toEqual({ from: { v: 2 }, three: true });
    expect(migrated({ v: 3 }, place, steps)).toEqual({ v: 3 });
    expect(refusal(() => migrated({ v: 4 }, place, steps))).toContain('reads up to 3');
  });
});

describe('the parts of stores', () => {
  test('jsonCopy copies as JSON does', () => {
    const odd = {
      a: undefined,
      b: [undefined, () => 1, Number.NaN, -0],
      c: new Date(0),
      d: { toJSON: () => 'mine' },
      e: Object.assign(Object.create(null), { x: 1 }),
      f: 1e21,
      g: () => 1,
    };
    expect(JSON.stringify(jsonCopy(odd))).toBe(JSON.stringify(odd));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy = jsonCopy(value);
        expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
      }),
    );
    const wicked: unknown = JSON.parse('{"__proto__":{"polluted":1}}');
    expect(Object.keys(jsonCopy(wicked) as object)).toEqual(['__proto__']);
  });

  test('changed() removes what is undefined, and leaves both as they are', () => {
    const [old, changes] = [
      { a: 1, b: 2 },
      { b: undefined, c: 3 },
    ];
    expect(changed(old, changes)).toEqual({ a: 1, c: 3 });
    expect([old, Object.keys(changes)]).toEqual([{ a: 1, b: 2 }, ['b', 'c']]);
  });
});
