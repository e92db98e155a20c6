import { defineConfig } from 'vitest/config';
import { entryPoints, root } from './scripts/entry-points.ts';
import { SummaryReporter } from './scripts/summary-reporter.ts';

/** `sluice` and `sluice/...` mean the source, so that a test never runs against an old build. */
const alias = entryPoints().map(({ specifier, source }) => ({
  find: new RegExp(`^${specifier}$`),
  replacement: root + source,
}));

export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'source',
          include: ['test/**/*.test.ts'],
          exclude: ['test/package/**'],
          testTimeout: 15_000,
          hookTimeout: 15_000,
          typecheck: { enabled: false },
        },
      },
      {
        // The built package, as a user gets it. It is built anew when a source is younger than the build.
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: ['./scripts/package-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
