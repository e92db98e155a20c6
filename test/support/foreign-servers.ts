import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';
import { endsWithUs } from './ends-with-us.ts';
import { freePort } from './free-port.ts';
import { nginxConfig } from './nginx.ts';

/** Servers of others that speak HTTP/2 and pass requests on over HTTP/1.1. */
export const FOREIGN_SERVERS = ['nghttpx', 'nginx'] as const;

/** One of {@link FOREIGN_SERVERS}. */
export type ForeignServer = (typeof FOREIGN_SERVERS)[number];

/** A server of others in front of one of ours. */
export interface Front extends AsyncDisposable {
  readonly port: number;
  /** Whether a request that it passed on had come over HTTP/2. */
  cameOverHttp2(headers: IncomingHttpHeaders): boolean;
}

/** Whether a server is installed. If not, prints a warning, or throws if services are required. */
export function hasForeignServer(name: ForeignServer): boolean {
  const { error } = spawnSync(name, ['-v']);
  if (error === undefined) return true;
  if (process.env['SLUICE_REQUIRE_SERVICES'] === '1') throw error;
  console.warn(`${name} is not installed. The tests of HTTP/2 behind it are skipped.`);
  return false;
}

/** How often nginx lets a connection be used. After that it sends GOAWAY. */
const REQUESTS_PER_CONNECTION = 40;

/** Starts a server with TLS on a free port, in front of the one that listens on `backend`. */
export async function inFrontOf(backend: number, name: ForeignServer, tls: Certificate): Promise<Front> {
  const folder = await mkdtemp(join(tmpdir(), `sluice-${name}-`));
  const [key, cert, config] = ['key.pem', 'cert.pem', 'server.conf'].map((file) => join(folder, file));
  if (key === undefined || cert === undefined || config === undefined) throw new Error('A file is missing.');
  await writeFile(key, tls.key, { mode: 0o600 });
  await writeFile(cert, tls.cert);
  const port = await freePort();
  const made = { folder, port, backend, key, cert };
  await writeFile(config, name === 'nginx' ? http2Config(made) : nghttpxConfig(made));
  const given =
    name === 'nginx' ? ['-p', folder, '-c', config, '-e', 'stderr'] : [`--conf=${config}`, key, cert];
  const child = endsWithUs(spawn(name, given, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] }));
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const gone = once(child, 'exit');
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${name} does not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    port,
    cameOverHttp2: (headers) =>
      name === 'nginx' ? headers['x-protocol'] === 'HTTP/2.0' : headers.via === '2 nghttpx',
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Made {
  readonly folder: string;
  readonly port: number;
  readonly backend: number;
  readonly key: string;
  readonly cert: string;
}

function http2Config({ folder, port, backend, key, cert }: Made): string {
  const inside = `  keepalive_requests ${REQUESTS_PER_CONNECTION};
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    location / {
      proxy_pass http://127.0.0.1:${backend};
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_set_header X-Protocol $server_protocol;
    }
  }`;
  return nginxConfig(folder, 1_024, inside);
}

function nghttpxConfig({ port, backend }: Made): string {
  return `
frontend=127.0.0.1,${port}
backend=127.0.0.1,${backend};/;proto=http/1.1
single-process=yes
errorlog-file=/dev/stderr
`;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
