import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

const run = promisify(execFile);

interface Counts {
  promises: number;
  timers: number;
  bytes: number;
}

/** What one chunk creates, of 16 that came by one read, read with `for await`. */
async function counted(layers: string): Promise<Counts> {
  const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];
  const { stdout } = await run(process.execPath, [...flags, join(root, 'test/performance/count.ts'), layers]);
  const counts: Counts = JSON.parse(stdout);
  return counts;
}

describe('a chunk creates', () => {
  // `for await` makes two promises a chunk: the one of next(), and one for its own wait. A read of 16 makes two or four more.
  test.each([
    { layers: 'none', promises: 2.13, bytes: 640 },
    { layers: 'five', promises: 2.26, bytes: 640 },
    { layers: 'generator', promises: 6.13, bytes: 1_900 },
  ])(
    'with layers: $layers, no timer, at most $promises promises and $bytes bytes',
    async ({ layers, promises, bytes }) => {
      const counts = await counted(layers);
      expect(counts.timers).toBe(0);
      expect(counts.promises).toBeLessThanOrEqual(promises);
      expect(counts.bytes).toBeLessThanOrEqual(bytes);
    },
  );
});
