/** Runs before each test file of the package: waits until the package is built and packed. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';

const folder = dirname(inject('tarball'));
while (!existsSync(join(folder, 'done'))) {
  const failed = join(folder, 'failed');
  if (existsSync(failed)) throw new Error(`The package could not be built. ${readFileSync(failed, 'utf8')}`);
  await delay(50);
}
