import { readFile } from 'node:fs/promises';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { describe, expect, inject, test } from 'vitest';
import { readManifest, root } from '../../scripts/entry-points.ts';

describe('the packed package', () => {
  test('passes publint', async () => {
    const manifest: Record<string, unknown> = JSON.parse(await readFile(`${root}package.json`, 'utf8'));
    const tarball = await readFile(inject('tarball'));
    const { messages } = await publint({ strict: true, pack: { tarball: toArrayBuffer(tarball) } });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test('resolves with correct types for every entry point, imported from ESM and through a bundler', async () => {
    const tarball = await readFile(inject('tarball'));
    const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
    if (checked.types === false) throw new Error('the package has no types');
    const problems = checked.problems.filter((problem) => {
      // The package is ESM only on purpose: `require` and the module resolution of Node 10 are not supported.
      if (problem.kind === 'CJSResolvesToESM') return false;
      return !('resolutionKind' in problem) || !['node10', 'node16-cjs'].includes(problem.resolutionKind);
    });
    expect(problems).toEqual([]);
    expect(Object.keys(checked.entrypoints)).toEqual(Object.keys(readManifest().exports));
  });
});

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
