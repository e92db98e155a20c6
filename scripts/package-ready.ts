/** Runs before each test file of the package: waits until the package is built and packed. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';

const folder = dirname(inject('tarball'));
while (!existsSync(join(folder, 'done'))) {
  if (existsSync(join(folder, 'failed')))
    throw new Error('The package could not be built or packed. Its output says why.');
  await delay(50);
}
