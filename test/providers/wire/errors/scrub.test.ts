import { describe, expect, it } from 'vitest';
import { quoted, safeCause } from '../../../../providers/wire/errors/scrub.ts';

const SECRET = 'canary-0123456789';
const clean = (error: unknown): boolean => safeCause(error, [SECRET]) === error;

/** An error that holds a value so deep. */
function holding(value: unknown, depth: number): Error {
  let held = value;
  for (let level = 1; level < depth; level++) held = { held };
  return Object.assign(new Error('x'), { held });
}

describe('the cause of an error', () => {
  it.each([
    ['a field', { held: SECRET }],
    ['a header', { headers: new Headers({ 'x-key': SECRET }) }],
    ['a map', { held: new Map([['key', SECRET]]) }],
    ['a set', { held: new Set([SECRET]) }],
    ['a list', { held: ['x', SECRET] }],
    ['bytes', { held: Buffer.from(SECRET) }],
    ['a cause', { cause: new Error(SECRET) }],
  ])('is copied if it holds a secret in %s', (_where, fields) => {
    const error = Object.assign(new TypeError('x'), fields);
    expect(clean(error)).toBe(false);
    expect(safeCause(error, [SECRET])).toMatchObject({ name: 'TypeError', message: 'x' });
    expect(clean(Object.assign(new TypeError('x'), { held: 'y', other: [new Map(), null, 5] }))).toBe(true);
  });

  it('is copied if it is too deep or too large to be searched', () => {
    expect(clean(holding('x', 9))).toBe(true);
    expect(clean(holding({}, 8))).toBe(true);
    expect(clean(holding({}, 9))).toBe(false);
    expect(
      clean(
        holding(
          Array.from({ length: 4_990 }, () => ({})),
          1,
        ),
      ),
    ).toBe(true);
    expect(
      clean(
        holding(
          Array.from({ length: 5_010 }, () => ({})),
          1,
        ),
      ),
    ).toBe(false);
    expect(clean(holding('x'.repeat(100_000), 1))).toBe(true);
    expect(clean(holding('x'.repeat(100_001), 1))).toBe(false);
  });

  it('may hold itself', () => {
    const error: Error & { self?: unknown } = new Error('x');
    error.self = error;
    expect(clean(error)).toBe(true);
  });

  it('does not run its getters', () => {
    const error = Object.defineProperty(new Error('x'), 'held', {
      get: () => {
        throw new Error('never called');
      },
    });
    expect(clean(error)).toBe(true);
  });

  it('that cannot be looked into counts as clean', () => {
    const closed = new Proxy(new Error('x'), {
      ownKeys: () => {
        throw new Error('closed');
      },
    });
    expect(safeCause(closed, [SECRET])).toBe(closed);
  });

  it('is copied with its name, message, code and causes, and the first line of its stack', () => {
    const inner = Object.assign(new RangeError(`inner ${SECRET}`), { code: 'ECONNRESET' });
    const error = new TypeError(`outer ${SECRET}`, { cause: inner });
    const copy = safeCause(error, [SECRET]);
    expect(copy).toMatchObject({
      name: 'TypeError',
      message: 'outer ***',
      stack: 'TypeError: outer ***',
      cause: { name: 'RangeError', message: 'inner ***', code: 'ECONNRESET' },
    });
    expect(copy).not.toHaveProperty('code');
    expect(copy).not.toHaveProperty('cause.cause');
    const numbered = Object.assign(new Error(SECRET), { code: 5 });
    expect(safeCause(numbered, [SECRET])).not.toHaveProperty('code');
    expect(safeCause(SECRET, [SECRET])).toBeUndefined();
  });

  it('is copied with five causes', () => {
    let error = new Error('6', { cause: SECRET });
    for (const message of ['5', '4', '3', '2', '1', '0']) error = new Error(message, { cause: error });
    const messages: string[] = [];
    for (let at = safeCause(error, [SECRET]); at instanceof Error; at = at.cause) messages.push(at.message);
    expect(messages).toEqual(['0', '1', '2', '3', '4']);
  });
});

describe("a provider's message", () => {
  it.each([
    [' a\r\n\tb\u0000c\u009fd ', 'a b c d'],
    ['x'.repeat(300), 'x'.repeat(300)],
    ['x'.repeat(301), `${'x'.repeat(300)}…`],
    [`${'x'.repeat(299)}😀`, `${'x'.repeat(299)}\ufffd…`],
    [`key ${SECRET} is bad`, 'key *** is bad'],
  ])('%j is shown as %j', (message, expected) => {
    expect(quoted(message, [SECRET])).toBe(expected);
  });

  it('is looked at in its first 6,000 characters', () => {
    expect(quoted(`${' '.repeat(5_999)}ab`, [])).toBe('a');
  });
});
