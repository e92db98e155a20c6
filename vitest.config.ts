import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { sourceAliases } from './scripts/entry-points.ts';
import { messagesOfErrors } from './scripts/messages-of-errors.ts';
import { QuickestFirst } from './scripts/quickest-first.ts';
import { SummaryReporter } from './scripts/summary-reporter.ts';

const alias = sourceAliases();

/** Tests of the built package: its files, the examples, and the code in the docs. */
const ofThePackage = ['test/package/**', 'test/examples/**', 'test/docs/**', 'test/performance/**'];

/**
 * Tests that start services or processes, cut streams at every byte, or try thousands of schedules. Also the few that need a process of
 * their own, because they replace a module or need one that nobody has used before.
 */
const slow = [
  'test/browser/**',
  'test/cli/{process,pseudo-terminal,services,session}.test.ts',
  'test/cli/serve/{process,services}.test.ts',
  'test/deploy/**',
  'test/faults/**',
  'test/fuzz/**',
  'test/histories/**',
  'test/interop/aisdk/contract.test.ts',
  'test/interop/mcp/servers/**',
  'test/middleware/context-window/{counter,no-tokenizer}.test.ts',
  'test/middleware/module-start.test.ts',
  'test/middleware/shared/**',
  'test/providers/{contract,recordings-by-byte,valid-histories}.test.ts',
  'test/server/openai/frameworks.test.ts',
  'test/providers/wire/transport/{proxy,transport,http2/*}.test.ts',
  'test/server/callers/{cluster,redis-callers}.test.ts',
  'test/server/log/{redis,postgres}/**',
  'test/server/resumable/services/**',
  'test/server/moves/**',
  'test/server/security/{redis-keys,scanners,sql}.test.ts',
  'test/session/{model,store-model}.test.ts',
  'test/soak/**',
  'test/stores/**',
  'test/testing/**',
];

const tests = (patterns: string[]): string[] =>
  patterns.map((pattern) => pattern.replace(/\/\*\*$/, '/**/*.test.ts'));

/**
 * The processes of the tests, and those that tests start, load the same modules again and again. Node keeps what it has compiled, and TypeScript
 * without its types, where programs keep it by default.
 */
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');

/** What a test waits for comes late on a busy machine: one second, the default, is not enough. */
const expect = { poll: { timeout: 120_000 } };

/** For what hangs. What works is slow on a busy machine, and may be. */
const limits = { testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    // One more than there are cores, because many tests mostly wait for a service, another process or a timer.
    maxWorkers: availableParallelism() + 1,
    onStackTrace: messagesOfErrors,
    sequence: { sequencer: QuickestFirst },
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...ofThePackage, ...slow],
          // Files share processes and the modules they load. That halves the time: importing takes longer than most tests.
          isolate: false,
          setupFiles: ['./test/support/leaves-no-trace.ts'],
          ...limits,
          expect,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'slow',
          include: tests(slow),
          ...limits,
          expect,
        },
      },
      {
        test: {
          name: 'package',
          include: tests(ofThePackage),
          globalSetup: ['./scripts/package-setup.ts'],
          setupFiles: ['./scripts/package-ready.ts'],
          ...limits,
          expect,
        },
      },
    ],
  },
});
