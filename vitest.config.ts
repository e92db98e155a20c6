import { defineConfig } from 'vitest/config';
import { entryPoints, root } from './scripts/entry-points.ts';

export default defineConfig({
  resolve: {
    alias: entryPoints().map(({ specifier, source }) => ({
      find: new RegExp(`^${specifier}$`),
      replacement: root + source,
    })),
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 10_000,
    hookTimeout: 20_000,
    passWithNoTests: true,
  },
});
