import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { root } from '../../scripts/entry-points.ts';

const manifestSchema = z.object({ scripts: z.record(z.string(), z.string()) });

test('.ci/run runs each part of `npm run check`', async () => {
  const { scripts } = manifestSchema.parse(JSON.parse(await readFile(`${root}package.json`, 'utf8')));
  const parts = scripts['check']?.split(' && ') ?? [];
  expect(parts).toContain('npm run types');
  const script = await readFile(`${root}.ci/run`, 'utf8');
  const steps = [...script.matchAll(/^(?:step|tests|aside \w+) (npm .+)$/gm)].map(([, command]) => command);
  expect(steps).toEqual(expect.arrayContaining(['npm test', ...parts]));
});
