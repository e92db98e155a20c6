import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

const run = promisify(execFile);

/**
 * Runs a script of this folder in a process of its own and parses its output. Code is compiled on the main thread and anew each time, because
 * what compiled code creates depends on when it was compiled.
 */
async function printed<Result>(script: string, flags: string[], ...words: string[]): Promise<Result> {
  const file = join(root, 'test/performance', script);
  const parameters = ['--expose-gc', '--no-concurrent-recompilation', ...flags, file, ...words];
  const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
  const { stdout } = await run(process.execPath, parameters, { env });
  const result: Result = JSON.parse(stdout);
  return result;
}

const noPretenuring = [
  '--no-allocation-site-pretenuring',
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
];

interface Counts {
  promises: number;
  timers: number;
  bytes: number;
}

describe('a chunk creates', () => {
  // `for await` creates two promises per chunk: the result of next(), and one to wait for it. A read creates two or four more. Every chunk is copied
  // where a provider gives it, so that what the provider holds never changes.
  test.each([
    { layers: 'none', perRead: 16, promises: 2.13, bytes: 550 },
    { layers: 'five', perRead: 16, promises: 2.13, bytes: 550 },
    { layers: 'generator', perRead: 16, promises: 6.13, bytes: 1_420 },
    { layers: 'none', perRead: 1, promises: 4.01, bytes: 1_280 },
    { layers: 'five', perRead: 1, promises: 4.01, bytes: 1_280 },
    { layers: 'generator', perRead: 1, promises: 8.01, bytes: 2_150 },
  ])(
    'layers: $layers, $perRead per read: no timers, at most $promises promises and $bytes bytes',
    async ({ layers, perRead, promises, bytes }) => {
      const flags = ['--min-semi-space-size=256', '--max-semi-space-size=256'];
      const counts = await printed<Counts>('count.ts', flags, layers, String(perRead));
      expect(counts.timers).toBe(0);
      expect(counts.promises).toBeLessThanOrEqual(promises);
      expect(counts.bytes).toBeLessThanOrEqual(bytes);
    },
  );
});

describe('memory', () => {
  test.each([
    { execution: 'execution', word: 'plain' },
    { execution: 'execution that ran a tool', word: 'tools' },
    { execution: 'execution that ran beside others', word: 'together' },
  ])('of a finished $execution, less than a twentieth survives a minor collection', async ({ word }) => {
    const { allocated, survived } = await printed<{ allocated: number; survived: number }>(
      'heap.ts',
      noPretenuring,
      'survivors',
      word,
    );
    expect(allocated).toBeGreaterThan(200 * 10_000);
    expect(survived / allocated).toBeLessThan(0.05);
  });

  test('an open stream with five middleware holds at most 15,200 bytes', async () => {
    expect(await printed<number>('heap.ts', [], 'open')).toBeLessThanOrEqual(15_200);
  });

  test.each([1, 3, 5])(
    'no object of a stream is a hash table after %i executions and a full collection',
    async (first) => {
      expect(await printed<string[]>('heap.ts', [], 'tables', String(first))).toEqual([]);
    },
  );
});

interface ServerCounts {
  chunk: { writes: number; promises: number; timers: number };
  request: { writes: number; promises: number; timers: number; layers: number };
}

describe('a request to the server', () => {
  test('creates at most 124 promises, 7 timers and 5 layers of hono; each of its chunks one write, at most 10 promises and no timer', async () => {
    const { chunk, request } = await printed<ServerCounts>('server.ts', [], 'counts');
    // Each chunk is an event, and each event is one write to the socket; the head, the last events and the end are written together with the first and the last chunk.
    expect(chunk.writes).toBe(1);
    expect(request.writes).toBe(1);
    expect(chunk.promises).toBeLessThanOrEqual(10);
    expect(chunk.timers).toBeLessThan(0.01);
    expect(request.promises).toBeLessThanOrEqual(124);
    expect(request.timers).toBeLessThan(7.1);
    expect(request.layers).toBeLessThanOrEqual(5);
  });

  test('holds at most 29,500 bytes while it is open, with the sockets of both sides', async () => {
    expect(await printed<number>('server.ts', [], 'held')).toBeLessThanOrEqual(29_500);
  });

  test.each(['attached', 'resumable'])(
    'leaves less than a twentieth to a minor collection, if its stream is %s',
    async (word) => {
      const { allocated, survived } = await printed<{ allocated: number; survived: number }>(
        'server.ts',
        noPretenuring,
        'survivors',
        word,
      );
      expect(allocated).toBeGreaterThan(100_000);
      expect(survived / allocated).toBeLessThan(0.05);
    },
  );
});
