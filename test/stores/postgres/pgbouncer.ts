import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { endsWithUs } from '../../support/ends-with-us.ts';
import { freePort } from '../../support/free-port.ts';
import { POSTGRES_URL } from '../../support/postgres.ts';

/** A PgBouncer of the test's own, in front of the tests' PostgreSQL. */
export interface PgBouncer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Whether one can be started here. If not, says so, or fails if the services are required. */
export function hasPgBouncer(): boolean {
  const { error } = spawnSync('pgbouncer', ['--version']);
  if (error === undefined) return true;
  if (process.env['SLUICE_REQUIRE_SERVICES'] === '1') throw error;
  console.warn('pgbouncer is not installed: the tests behind it are skipped.');
  return false;
}

/**
 * Starts one in transaction mode. It goes round its connections to the server, so that statements of one client land on several of them, and a
 * client soon meets those that another one has prepared.
 */
export async function pgBouncer(): Promise<PgBouncer> {
  const { hostname, port: serverPort, username, password } = new URL(POSTGRES_URL);
  const server = [
    `host=${hostname}`,
    `port=${serverPort === '' ? '5432' : serverPort}`,
    `user=${decodeURIComponent(username)}`,
    ...(password === '' ? [] : [`password=${decodeURIComponent(password)}`]),
  ];
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-pgbouncer-'));
  const file = join(folder, 'pgbouncer.ini');
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 3,
    min_pool_size: 3,
    server_round_robin: 1,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  await writeFile(file, ['[databases]', `* = ${server.join(' ')}`, '[pgbouncer]', ...lines, ''].join('\n'));
  const as = otherUser();
  if (as !== undefined) for (const path of [folder, file]) await chown(path, as.uid, as.gid);
  const bouncer = endsWithUs(spawn('pgbouncer', ['--quiet', file], { ...as, cwd: folder, stdio: 'ignore' }));
  await untilUp(port, () => bouncer.exitCode === null);
  return {
    port,
    async stop() {
      const ended = once(bouncer, 'exit');
      bouncer.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** It refuses to run as root. */
function otherUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (which: string): number =>
    Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' }).trim());
  return { uid: id('-u'), gid: id('-g') };
}

async function untilUp(port: number, isRunning: () => boolean): Promise<void> {
  const url = new URL(POSTGRES_URL);
  url.port = `${port}`;
  for (;;) {
    const pool = new Pool({ connectionString: url.href, max: 1, connectionTimeoutMillis: 30_000 });
    pool.on('error', () => undefined);
    try {
      await pool.query('SELECT 1');
      return;
    } catch (error) {
      if (!isRunning()) throw new Error('PgBouncer does not start.', { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 30));
    } finally {
      await pool.end();
    }
  }
}
