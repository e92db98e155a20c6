import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

test('.ci/run runs the tests, the gate and the checks of the package, and waits for each', async () => {
  const script = await readFile(`${root}.ci/run`, 'utf8');
  const steps = [...script.matchAll(/^(?:step|tests|aside \w+) (npm .+)$/gm)].map(([, command]) => command);
  expect(steps).toEqual(expect.arrayContaining(['npm test', 'npm run check', 'npm run check:package']));
  const aside = [...script.matchAll(/^aside (\w+)/gm)].map(([, name]) => name);
  expect([...script.matchAll(/^joined (\w+)/gm)].map(([, name]) => name)).toEqual(aside);
});
