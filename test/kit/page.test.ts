import { readFileSync } from 'node:fs';
import * as kit from 'sluice/kit';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

const page = readFileSync(`${root}docs/kit.md`, 'utf8');
/** The code spans of the tables, and the code blocks. */
const mentioned = (name: string): boolean => new RegExp(`\`(?:new )?${name}\\b`).test(page);

test('the page of the kit describes every export', () => {
  expect(Object.keys(kit).filter((name) => !mentioned(name))).toEqual([]);
});

test('the page of the kit describes every schema of options', () => {
  expect(
    Object.keys(kit.option).filter(
      (name) => !page.includes(`\`option.${name}(`) && !page.includes(`\`option.${name}<`),
    ),
  ).toEqual([]);
});
