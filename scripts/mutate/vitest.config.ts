import { globSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import * as z from 'zod';
import { sourceAliases } from '../entry-points.ts';
import { alone, leftOut, testsVariable } from './tests-of.ts';

const globs = z.array(z.string()).parse(JSON.parse(process.env[testsVariable] ?? '[]'));
const isExclusion = (glob: string): boolean => glob.startsWith('!');
const chosen = globSync(
  globs.filter((glob) => !isExclusion(glob)),
  { exclude: [...leftOut, ...globs.filter(isExclusion).map((glob) => glob.slice(1))] },
);
const needProcess = new Set(globSync(alone));

function project(
  name: string,
  include: string[],
  options: TestProjectInlineConfiguration['test'],
): TestProjectInlineConfiguration {
  return {
    resolve: { alias: sourceAliases() },
    test: { name, include, testTimeout: 40_000, hookTimeout: 40_000, ...options },
  };
}

/** The tests that main.ts has chosen. */
export default defineConfig({
  test: {
    projects: [
      project(
        'together',
        chosen.filter((file) => !needProcess.has(file)),
        {
          // Most of the time of a mutant goes into loading modules. Files that share a process load them once.
          isolate: false,
          setupFiles: ['./test/support/leaves-no-trace.ts'],
        },
      ),
      project(
        'alone',
        chosen.filter((file) => needProcess.has(file)),
        {},
      ),
    ],
  },
});
