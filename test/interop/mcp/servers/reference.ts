import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../../../scripts/entry-points.ts';
import { childEnvironment } from '../../../support/child-environment.ts';
import { endsWithUs } from '../../../support/ends-with-us.ts';
import { freePort } from '../../../support/free-port.ts';

/** The program of an official reference server. */
export const program = (name: 'everything' | 'filesystem' | 'memory'): string =>
  join(root, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);

/** A server over streamable HTTP, in a process of its own. */
export interface Running extends AsyncDisposable {
  readonly url: string;
}

/** It listens on all addresses if nobody stops it. */
const LOOPBACK = `import net from 'node:net';
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, Number(port), '127.0.0.1', ...rest.filter((one) => typeof one === 'function'));
};`;

/** Starts the reference server that has everything, over streamable HTTP. `port`: one that it had before. */
export async function everythingOverHttp(port?: number): Promise<Running & { port: number }> {
  const own = port ?? (await freePort());
  const preload = `data:text/javascript,${encodeURIComponent(LOOPBACK)}`;
  const env = { ...childEnvironment(), PORT: String(own) };
  const child = endsWithUs(
    spawn(process.execPath, ['--import', preload, program('everything'), 'streamableHttp'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  let said = '';
  const listening = Promise.withResolvers<void>();
  for (const pipe of [child.stdout, child.stderr])
    pipe.on('data', (text: Buffer) => {
      said += String(text);
      if (/listening/i.test(said)) listening.resolve();
    });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  void exited.then(() => listening.reject(new Error(`The server has ended: ${said}`)));
  await listening.promise;
  return {
    port: own,
    url: `http://127.0.0.1:${own}/mcp`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
