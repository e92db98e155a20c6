/** The tests that guard a folder, by the start of its path. The longest start that fits is used. */
const tests: Readonly<Record<string, readonly string[]>> = {
  cli: ['test/cli/**'],
  conversation: ['test/conversation/**'],
  middleware: ['test/middleware/**'],
  'middleware/context-window': ['test/middleware/context-window/**'],
  'middleware/cost': ['test/middleware/{cost*,permutations,contract}.test.ts', 'test/middleware/cost/**'],
  'middleware/logging': ['test/middleware/logging*.test.ts', 'test/middleware/logging/**'],
  'middleware/rate-limit': ['test/middleware/rate-limit*.test.ts', 'test/middleware/rate-limit/**'],
  'middleware/retry': ['test/middleware/retry*.test.ts', 'test/middleware/retry/**'],
  'middleware/timeout': ['test/middleware/timeout*.test.ts', 'test/middleware/timeout/**'],
  providers: ['test/providers/**'],
  'providers/demo': ['test/providers/demo.test.ts'],
  // Without those that play every recording, or a contract, to reach the same code as the others.
  'providers/wire': [
    'test/providers/**',
    '!test/providers/{contract,valid-histories}.test.ts',
    '!test/providers/{anthropic,openai}/recordings.test.ts',
    '!test/providers/openai/responses/item-table.test.ts',
  ],
  src: ['test/core/**', 'test/cases/**', 'test/session/**'],
  'src/kit': ['test/kit/**'],
  'src/session': ['test/session/**', 'test/stores/map-store.test.ts'],
  // Without those that try thousands of streams or read the code.
  'src/stream': ['test/{cases,core,views}/**', '!test/core/{characters,imports,random-stacks}.test.ts'],
  'src/views': ['test/core/**', 'test/views/**'],
  stores: ['test/stores/**'],
  testing: ['test/testing/**'],
};

/** Tests that need a build, a service or minutes: too slow to run once a mutant. */
export const leftOut: readonly string[] = [
  'test/cli/{process,pseudo-terminal,session}.test.ts',
  'test/middleware/shared/**',
  'test/providers/recordings-by-byte.test.ts',
  'test/session/{model,store-model}.test.ts',
  'test/stores/{postgres,redis}/**',
];

/** Tests that need a process of their own: they count what is left in it, replace a module, or need one that nobody has used before. */
export const alone: readonly string[] = [
  'test/cli/**/*.test.ts',
  'test/middleware/context-window/{counter,no-tokenizer}.test.ts',
  'test/middleware/module-start.test.ts',
  'test/providers/wire/transport/{proxy,transport,http2/*}.test.ts',
  'test/stores/**/*.test.ts',
  'test/testing/**/*.test.ts',
];

/** Tells vitest.config.ts of this folder which tests to run, as a JSON array of globs. */
export const testsVariable = 'SLUICE_MUTATE_TESTS';

/** The globs of the tests that guard a file or folder. Throws if none are known. */
export function testsOf(path: string): readonly string[] {
  const starts = Object.keys(tests).filter((start) => path === start || path.startsWith(`${start}/`));
  const longest = starts.toSorted((a, b) => b.length - a.length)[0];
  const found = longest === undefined ? undefined : tests[longest];
  if (found === undefined)
    throw new Error(
      `No tests are known for ${path}. Add them to scripts/mutate/tests-of.ts, or give --tests.`,
    );
  return found;
}
