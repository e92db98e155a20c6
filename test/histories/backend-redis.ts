import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { endsWithUs } from '../support/ends-with-us.ts';
import { freePort } from '../support/free-port.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { connectionFaults, pause, type Backend } from './backend.ts';
import { openStore } from './open-store.ts';

/** A Redis server of its own that writes each command to disk before it answers (`appendfsync always`). */
export async function redisBackend(): Promise<Backend> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const settings = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', ''];
    server = spawn('redis-server', [...settings, '--appendonly', 'yes', '--appendfsync', 'always'], {
      stdio: 'ignore',
    });
    endsWithUs(server);
    await once(server, 'spawn');
    const client = new Redis({
      port,
      host: '127.0.0.1',
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    client.on('error', () => undefined);
    // Answers only after the file was read.
    await client.ping();
    client.disconnect();
  };
  const kill = async (): Promise<void> => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  };
  await start();
  const proxy = await tcpProxy({ port });
  return {
    name: 'redis',
    spec: (worker) => ({
      kind: 'redis',
      port: proxy.port,
      client: worker % 2 === 0 ? 'ioredis' : 'redis',
    }),
    open: () => openStore({ kind: 'redis', port, client: 'ioredis' }),
    faults: {
      ...connectionFaults(proxy),
      'server killed and restarted': {
        weight: 3,
        async run(random) {
          await kill();
          await pause(random, 0, 400);
          await start();
        },
      },
    },
    async stop() {
      await proxy.close();
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
