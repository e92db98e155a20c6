import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'pg';
import { endsWithUs } from './ends-with-us.ts';
import { freePort } from './free-port.ts';

/** A PostgreSQL server that a test starts and may crash. */
export interface PostgresServer {
  readonly url: string;
  start(): Promise<void>;
  /** Ends it as an operator does. */
  shutDown(): Promise<void>;
  /** Ends it at once, without a checkpoint. The next start recovers from the log. */
  crash(): Promise<void>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

/** Starts a server for one test. Returns `undefined` if PostgreSQL is not installed or cannot be run by this user. */
export async function postgresServer(): Promise<PostgresServer | undefined> {
  const found = installed();
  if (found === undefined) return undefined;
  const { bin, as } = found;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-postgres-'));
  if (as !== undefined) await chown(folder, as.uid, as.gid);
  const data = join(folder, 'data');
  const settings = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await promisify(execFile)(join(bin, 'initdb'), settings, { ...as, cwd: folder });
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const options = { listen_addresses: '127.0.0.1', unix_socket_directories: '', shared_buffers: '16MB' };
    const given = Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const started = spawn(join(bin, 'postgres'), ['-D', data, '-p', `${port}`, ...given], {
      ...as,
      cwd: folder,
      stdio: 'ignore',
    });
    server = endsWithUs(started);
    for (;;) {
      const pool = new Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 30_000 });
      pool.on('error', () => undefined);
      try {
        await pool.query('SELECT 1');
        return;
      } catch (error) {
        if (started.exitCode !== null) throw new Error('PostgreSQL does not start.', { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 30));
      } finally {
        await pool.end();
      }
    }
  };
  const end = async (signal: 'SIGINT' | 'SIGQUIT'): Promise<void> => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  };
  const crash = (): Promise<void> => end('SIGQUIT');
  await start();
  return {
    url,
    start,
    shutDown: () => end('SIGINT'),
    crash,
    async stop() {
      await crash();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Where the programs are and which user runs them, since they refuse to run as root. */
function installed(): { bin: string; as: { uid: number; gid: number } | undefined } | undefined {
  const said = (command: string, ...given: string[]): string =>
    execFileSync(command, given, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const bin = said('pg_config', '--bindir');
    said(join(bin, 'initdb'), '--version');
    if (process.getuid?.() !== 0) return { bin, as: undefined };
    return {
      bin,
      as: { uid: Number(said('id', '-u', 'postgres')), gid: Number(said('id', '-g', 'postgres')) },
    };
  } catch {
    return undefined;
  }
}
