import { globSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';
import { compilerSays, programsOf, runProgram, typedBlocksOf } from '../support/markdown.ts';

const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];
const programs = (await Promise.all(pages.map(programsOf))).flat();

describe('the programs in the pages', () => {
  test('exist', () => {
    expect(programs.filter(({ name }) => name.startsWith('README.md'))).toHaveLength(3);
  });

  test.concurrent.each(programs)('$name runs and prints what it says', async (program) => {
    const output = await runProgram(program);
    const lines = output.split('\n').map((line) => line.trimEnd());
    expect(lines).toEqual(expect.arrayContaining(program.prints));
  });
});

describe('the blocks in the pages that import', () => {
  test.concurrent.each(['nodenext', 'bundler'] as const)(
    'have correct types for a strict user of %s',
    async (resolution) => {
      const blocks = (await Promise.all(pages.map(typedBlocksOf))).flat();
      expect(blocks.length).toBeGreaterThan(programs.length);
      expect(await compilerSays(blocks, resolution)).toBe('');
    },
  );
});
