import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { endsWithUs } from './ends-with-us.ts';
import { freePort } from './free-port.ts';

/** A Redis server that writes all that it has answered to a file, and can be ended and started again on the same port. */
export interface DurableRedis {
  readonly url: string;
  start(): Promise<void>;
  /** Ends it as an operator does. */
  shutDown(): Promise<void>;
  /** Kills it. */
  kill(): Promise<void>;
  /** Cuts off the end of what it has written, as if the disk had lost it. Only while it does not run. */
  cut(part: number): Promise<void>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

/** Starts a server for one test. */
export async function durableRedis(): Promise<DurableRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  const port = await freePort();
  let server: ChildProcess | undefined;
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  };
  const start = async (): Promise<void> => {
    const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes'];
    server = endsWithUs(
      spawn('redis-server', [...settings, '--appendfsync', 'always', '--daemonize', 'no'], {
        cwd: folder,
        stdio: 'ignore',
      }),
    );
    const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    try {
      while ((await client.ping().catch(() => '')) !== 'PONG')
        await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      client.disconnect();
    }
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    shutDown: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async cut(part) {
      const files = await readdir(folder, { recursive: true });
      const name = files
        .filter((file) => file.endsWith('.incr.aof'))
        .sort()
        .at(-1);
      if (name === undefined) throw new Error('The server has written nothing.');
      const path = join(folder, name);
      await truncate(path, Math.floor((await stat(path)).size * (1 - part)));
    },
    async stop() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
