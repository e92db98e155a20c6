import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { serve } from '../../../cli/serve/serve.ts';
import { runProgram } from '../../../cli/program.ts';
import { Pipeline } from '../../../src/index.ts';
import { fakeTerminal } from '../fake-terminal.ts';

/** A port that another server has. */
async function takenPort(): Promise<number> {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  return (other.address() as AddressInfo).port;
}

test('a server that cannot listen leaves no pipeline open', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'sluice-serve-'));
  const shutdown = vi.spyOn(Pipeline.prototype, 'shutdown');
  onTestFinished(() => shutdown.mockRestore());
  const port = await takenPort();
  const listeners = process.listenerCount('SIGTERM');
  await expect(serve({ port: `${port}` }, fakeTerminal(), folder.path)).rejects.toThrow(
    `Port ${port} is in use`,
  );
  expect(shutdown).toHaveBeenCalledOnce();
  expect(process.listenerCount('SIGTERM')).toBe(listeners);
});

test('what fails first is told, also if the pipeline cannot be closed after it', async () => {
  const shutdown = vi.spyOn(Pipeline.prototype, 'shutdown').mockRejectedValue(new Error('not closed'));
  onTestFinished(() => shutdown.mockRestore());
  const port = await takenPort();
  const terminal = fakeTerminal();
  expect(await runProgram(['serve', '--port', `${port}`], terminal)).toBe(2);
  expect(terminal.errors.text).toContain(`error: Port ${port} is in use: `);
});
