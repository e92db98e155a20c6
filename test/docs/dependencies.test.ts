import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { root } from '../../scripts/entry-points.ts';

const names = z.record(z.string(), z.unknown());
const manifest = z
  .object({ dependencies: names, peerDependencies: names, devDependencies: names })
  .parse(JSON.parse(readFileSync(`${root}package.json`, 'utf8')));

const page = readFileSync(`${root}docs/dependencies.md`, 'utf8');

/** The packages that the first column of a section's table names. */
function named(section: string): string[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(section)) ?? '';
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(2).flatMap((row) => (row.split('|')[1] ?? '').split(',').map((name) => name.trim()));
}

const runtime = named('Runtime');
const peers = named('Optional peers');

test('the page gives the reason of each dependency, and of no other', () => {
  expect(runtime.sort()).toEqual(Object.keys(manifest.dependencies).sort());
  expect(peers.sort()).toEqual(Object.keys(manifest.peerDependencies).sort());
});

test('the page gives the reason of each package for building and testing', () => {
  const all = new Set([...peers, ...named('Build and test')]);
  expect(Object.keys(manifest.devDependencies).filter((name) => !all.has(name))).toEqual([]);
});
