import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { root } from '../../scripts/entry-points.ts';
import { childEnvironment } from '../support/child-environment.ts';

const run = promisify(execFile);

test('the example of a tested plugin passes its own tests, with the runner of Node', async () => {
  const { stdout } = await run(process.execPath, [`${root}examples/testing-a-plugin.ts`], {
    env: { ...childEnvironment(), NO_COLOR: '1' },
    timeout: 60_000,
  });
  const counts = Object.fromEntries(
    [...stdout.matchAll(/^\W+ (pass|fail) (\d+)$/gm)].map(([, name, count]) => [name, Number(count)]),
  );
  expect(counts.fail).toBe(0);
  expect(counts.pass).toBeGreaterThan(30);
});
