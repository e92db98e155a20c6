import { defineConfig } from 'vitest/config';
import { entryPoints, root } from './scripts/entry-points.ts';
import { SummaryReporter } from './scripts/summary-reporter.ts';

/** `sluice` and `sluice/...` mean the source, so that a test never runs against an old build. */
const alias = entryPoints().map(({ specifier, source }) => ({
  find: new RegExp(`^${specifier}$`),
  replacement: root + source,
}));

/** These run the build: the package as a user gets it, the examples, and the code in the pages. */
const onTheBuild = ['test/package/**', 'test/examples/**', 'test/docs/**', 'test/performance/**'];

export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'source',
          include: ['test/**/*.test.ts'],
          exclude: onTheBuild,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          typecheck: { enabled: false },
        },
      },
      {
        // The build is made anew when a source is younger than it.
        test: {
          name: 'package',
          include: onTheBuild.map((folder) => `${folder}/*.test.ts`),
          globalSetup: ['./scripts/package-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
