import { defineConfig } from 'vitest/config';
import * as z from 'zod';
import { sourceAliases } from '../entry-points.ts';
import { leftOut, testsVariable } from './tests-of.ts';

/** The tests that main.ts has chosen, in one project and one process. */
export default defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    include: z.array(z.string()).parse(JSON.parse(process.env[testsVariable] ?? '[]')),
    exclude: [...leftOut],
    testTimeout: 60_000,
  },
});
