import type { KnipConfig } from 'knip';
import { commandSources, conditionalSources, entryPoints } from './scripts/entry-points.ts';

const config: KnipConfig = {
  // A `!` marks what is published.
  entry: [
    ...[...entryPoints().map(({ source }) => source), ...commandSources(), ...conditionalSources()].map(
      (source) => `${source}!`,
    ),
    'test/**/*.test.ts',
    // Run in a process of its own.
    'scripts/pack.ts',
    'scripts/locked.ts',
    'scripts/page-pictures.ts',
    'scripts/mutate/{sample,vitest.config}.ts',
    'test/performance/{count,heap,server}.ts',
    'test/middleware/shared/process.ts',
    'test/stores/**/*.ts',
    'test/histories/{main,worker}.ts',
    'test/interop/mcp/{hostile-process,leaving}.ts',
    'test/interop/mcp-server/process.ts',
    'test/server/agents/run.ts',
    'test/soak/{main,process}.ts',
    'test/server/moves/{main,process}.ts',
    'test/histories/kills/{child,gated-child}.ts',
    'test/runtimes/{main.ts,command.js,outside.js,worker.js}',
    'server/page/app/main.ts!',
    'examples/*.ts',
    'test/browser/pages/*.ts',
  ],
  // The bench is a package of its own.
  project: ['**/*.{ts,js}', '!bench/**'],
  ignore: ['test/package/*-fixture/**'],
  // Programs that tests start by their paths.
  ignoreDependencies: ['@modelcontextprotocol/server-everything', '@modelcontextprotocol/server-memory'],
  // Services that tests start.
  ignoreBinaries: ['pgbouncer', 'redis-server'],
  // A type that an exported function mentions is exported with it.
  ignoreExportsUsedInFile: { interface: true, type: true },
};

export default config;
