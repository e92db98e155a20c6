import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mcpTools } from 'sluice/interop/mcp';
import type { McpTools, McpToolsOptions } from 'sluice/interop/mcp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from '../../../../scripts/entry-points.ts';
import { timersLeftBy, unhandledRejectionsOf } from '../../../../testing/leaks.ts';
import { call } from '../stage.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-mcp-'));
  file = join(folder, 'pids');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Starts a hostile server as a process. */
const start = (mode: string, options: McpToolsOptions = {}): Promise<McpTools> =>
  mcpTools(
    { command: process.execPath, args: [join(root, 'test/interop/mcp/hostile-process.ts'), mode, file] },
    // A busy machine starts processes slowly.
    { connectTimeoutMs: 120_000, ...options },
  );

/** The processes that were started. */
const pids = async () => (await readFile(file, 'utf8')).trim().split('\n').map(Number);

/** Whether a process is there, also as one that nobody has waited for. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Waits until none of the processes is there. */
async function gone(): Promise<void> {
  const all = await pids();
  while (all.some(isThere)) await new Promise(setImmediate);
}

test('tools of a process are called, lines that are no messages are left out, and closing ends it', async () => {
  const mcp = await start('babble');
  const { results } = await call(mcp, [['echo', { a: 'ü' }]]);
  expect(results).toMatchObject([{ isError: false, content: '{"a":"ü"}' }]);
  await mcp.close();
  expect((await pids()).map(isThere)).toEqual([false]);
});

test('a process that dies fails its calls at once, is reaped, and is never started again', async () => {
  await using mcp = await start('');
  const { results } = await call(mcp, [['silent'], ['die'], ['silent']]);
  for (const { content } of results)
    expect(content).toMatch(/ended before its answer came\. It may have taken effect/);
  await gone();
  const later = await call(mcp, [['echo'], ['echo']], { tools: { maxRounds: 1 } });
  for (const { content } of later.results) {
    expect(content).toBe('The tool failed: The server is gone: the process has ended with code 7.');
    expect(content).not.toContain('sk-proj');
  }
  expect((await pids()).length).toBe(1);
});

test('what it has started ends with it, although that holds its pipes', async () => {
  await using mcp = await start('parent');
  const { results } = await call(mcp, [['die'], ['silent']]);
  expect(results.map(({ isError }) => isError)).toEqual([true, true]);
  expect((await pids()).length).toBe(2);
  await gone();
});

test('a process that does not stop is killed', async () => {
  const mcp = await start('stubborn', { closeTimeoutMs: 2 });
  const [pid = 0] = await pids();
  expect(isThere(pid)).toBe(true);
  await mcp.close();
  await gone();
});

test('a program that leaves without closing takes its servers with it', async () => {
  const leaving = spawn(process.execPath, [join(root, 'test/interop/mcp/leaving.ts'), file]);
  expect(await once(leaving, 'exit')).toEqual([0, null]);
  expect((await pids()).length).toBe(1);
  await gone();
});

test('a message that is longer than may be ends it', async () => {
  await using mcp = await start('', { maxMessageBytes: 100_000 });
  const { results } = await call(mcp, [['huge'], ['silent']]);
  expect(results.map(({ isError }) => isError)).toEqual([true, true]);
  await gone();
});

test('a server that asks without end is refused each time', async () => {
  await using mcp = await start('');
  await call(mcp, [['asks'], ['asks']]);
  const { results } = await call(mcp, [['log']]);
  const received: { id?: string; error?: { code: number } }[] = JSON.parse(results[0]?.content ?? '[]');
  const answers = received.filter(({ id }) => String(id).startsWith('ask'));
  expect(answers.map(({ error }) => error?.code)).toEqual(Array.from({ length: 6 }, () => -32_601));
});

describe('a server that does not start', () => {
  test('because it ends: the error has its last words, without keys', async () => {
    const failed = start('unborn');
    await expect(failed).rejects.toMatchObject({
      code: 'network',
      message:
        'mcpTools(): the server did not start: the process has ended with code 7. It said: Error: I died. api_key=***',
    });
    await gone();
  });

  test('because there is no such command', async () => {
    const failed = mcpTools({ command: join(folder, 'nothing') });
    await expect(failed).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test('because it says nothing', async () => {
    // The process has ended before the error is there, or only after it.
    for (const closeTimeoutMs of [5_000, 2])
      await expect(start('mute', { connectTimeoutMs: 1, closeTimeoutMs })).rejects.toMatchObject({
        code: 'timeout',
      });
  });
});

test('neither timers nor rejections are left, whatever becomes of the process', async () => {
  const work = async () => {
    const dies = await start('');
    await call(dies, [['die'], ['silent']]);
    await dies.close();
    const lives = await start('');
    await call(lives, [['echo']]);
    await Promise.all([lives.close(), lives.close()]);
    await start('unborn').catch(() => undefined);
  };
  expect(await timersLeftBy(work)).toBe(0);
  expect(await unhandledRejectionsOf(work)).toEqual([]);
});
