import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

/** A case number at the start of a name or comment, followed by words: `'R17 never ...'`. */
const NUMBER = /(?<=['"`]|\/\*\* |\b[RS]\d\d? )[RS]\d\d?(?= )/g;

function read(path: string): string {
  return readFileSync(root + path, 'utf8');
}

function numbersIn(patterns: string[]): string[] {
  const files = globSync(patterns, { cwd: root });
  return [...new Set(files.flatMap((path) => read(path).match(NUMBER) ?? []))];
}

test('every case number in the tests is explained in docs/reliability.md', () => {
  const explained = [...read('docs/reliability.md').matchAll(/^\| ([RS]\d\d?) \| \S/gm)].map(
    ([, number]) => number,
  );
  const used = numbersIn(['test/**/*.ts']);
  expect(used.length).toBeGreaterThan(40);
  expect(used.filter((number) => !explained.includes(number))).toEqual([]);
  expect(explained.filter((number) => !used.includes(String(number)))).toEqual([]);
});

test('the published suites use no case numbers', () => {
  expect(numbersIn(['testing/**/*.ts'])).toEqual([]);
});
