import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Seam } from '../../../middleware/retry/seam.ts';

/** Joins in pieces; tells what was let through by each push, then by the flush. */
function pushes(partial: string, ...pieces: string[]): string[] {
  const seam = new Seam(partial);
  return [...pieces.map((piece) => seam.push(piece)), seam.flush()];
}

function joined(partial: string, next: string, size: number): string {
  const pieces: string[] = [];
  for (let at = 0; at < next.length; at += size) pieces.push(next.slice(at, at + size));
  return partial + pushes(partial, ...pieces).join('');
}

describe('the seam between a text and its continuation', () => {
  test.each([
    ['The quick brown', ' fox jumps', 'The quick brown fox jumps'],
    ['The quick brown', 'quick brown fox', 'The quick brown fox'],
    ['The quick bro', 'brown fox', 'The quick brown fox'],
    ['The quick brown', 'The quick brown fox', 'The quick brown fox'],
    ['aaabbb', 'bbbccc', 'aaabbbccc'],
    ['hel', 'lo', 'hello'],
    ['I have pas', 'sed it', 'I have passed it'],
    ['one\n', '\ntwo', 'one\n\ntwo'],
    ['你好世', '世界', '你好世界'],
    ['the the', ' the end', 'the the end'],
    ['ends with 👍🏽', '👍🏽 and on', 'ends with 👍🏽 and on'],
    ['whole', 'whole', 'whole'],
    ['', 'from nothing', 'from nothing'],
  ])('%j and %j make %j, however the text is cut', (partial, next, whole) => {
    for (const size of [1, 2, 3, next.length]) expect(joined(partial, next, size)).toBe(whole);
  });

  test('does not hold back what cannot be a repetition', () => {
    expect(pushes('The quick brown', 'x', 'y')).toEqual(['x', 'y', '']);
  });

  test('holds a repetition back until it is certain, and only the start', () => {
    expect(pushes('one two three', 'two', ' thr', 'ee', ' four', ' three')).toEqual([
      '',
      '',
      '',
      ' four',
      ' three',
      '',
    ]);
  });

  test('returns what it held back if it was not a repetition', () => {
    expect(pushes('one two three', 'two ', 'cats')).toEqual(['', 'two cats', '']);
    expect(pushes('one two three', 'two ')).toEqual(['', 'two ']);
  });

  test('a model that starts a long answer again is recognized', () => {
    const words = Array.from({ length: 9_000 }, (_, index) => `word${index % 97}`);
    const [...said] = pushes(words.join(' '), ...words.map((word) => `${word} `), 'and more');
    expect(said.join('')).toBe(' and more');
  });

  /** The longest end of the text with which the continuation begins, found by trying every length. */
  function plainly(partial: string, next: string): string {
    for (let length = Math.min(partial.length, next.length); length > 0; length--) {
      const isWord = /[a-z]/.test(partial.slice(-length)) && !/[a-z]/.test(partial.at(-length - 1) ?? '');
      if (partial.endsWith(next.slice(0, length)) && (length >= 3 || isWord))
        return partial + next.slice(length);
    }
    return partial + next;
  }

  test('R17 joins any texts, cut anywhere, as trying every length does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: 14 });
    fc.assert(
      fc.property(text, text, fc.nat(14), fc.integer({ min: 1, max: 5 }), (partial, rest, repeated, size) => {
        const next = partial.slice(partial.length - repeated) + rest;
        expect(joined(partial, next, size)).toBe(plainly(partial, next));
      }),
      { numRuns: 2_000 },
    );
  });

  const size = 16_000;
  test.each([
    ['one letter', 'a'.repeat(size), `${'a'.repeat(size - 1)}b`],
    ['a repeated word', 'to be '.repeat(size / 8), `o be ${'to be '.repeat(size / 8)}`],
    ['nothing that fits', 'x'.repeat(size), `y${'x'.repeat(size)}`],
    ['nearly the end', `${'ab'.repeat(size / 2)}c`, `${'ab'.repeat(size / 2)}d`],
  ])('R55 looks at each character of a long text a bounded number of times: %s', (_what, partial, next) => {
    for (const piece of [1, 7, next.length]) {
      const looks = vi.spyOn(String.prototype, 'charCodeAt');
      joined(partial, next, piece);
      const count = looks.mock.calls.length;
      looks.mockRestore();
      expect(count).toBeLessThan(8 * (partial.length + next.length));
      expect(count).toBeGreaterThan(0);
    }
  });
});
