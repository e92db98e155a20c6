import { describe, expect, test } from 'vitest';
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

  test('a model that starts a long answer again is recognized in linear time', () => {
    const words = Array.from({ length: 9_000 }, (_, index) => `word${index % 97}`);
    const partial = words.join(' ');
    const started = performance.now();
    const [...said] = pushes(partial, ...words.map((word) => `${word} `), 'and more');
    expect(said.join('')).toBe(' and more');
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
