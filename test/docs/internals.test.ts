import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

const page = readFileSync(`${root}docs/internals.md`, 'utf8');
const source = `${root}src`;

/** The files that the page's table of a folder names. */
function named(folder: string): string[] {
  const lines = page.slice(page.indexOf(`| \`${folder}/\` |`)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end === -1 ? undefined : end).flatMap((line) => {
    const cell = line.split('|')[1] ?? '';
    return [...cell.matchAll(/`([^`]+\.ts)`/g)].map((match) => match[1] ?? '');
  });
}

const folders = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length))
  .concat('src');

test.each(folders)('the page about the internals names each file of %s, and no other', (folder) => {
  const files = readdirSync(root + folder).filter((name) => name.endsWith('.ts'));
  // What an entry point exports is in its own page.
  const found = files.filter((name) => folder === 'src' || name !== 'index.ts');
  expect(named(folder).sort()).toEqual(found.sort());
});

test('the glossary of the internals has at most 20 words', () => {
  const rows = page.slice(page.indexOf('| word | meaning |')).split('\n\n')[0]?.split('\n') ?? [];
  expect(rows.length - 2).toBeGreaterThan(10);
  expect(rows.length - 2).toBeLessThanOrEqual(20);
});
