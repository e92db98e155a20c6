import { Pool } from 'pg';
import { postgresStore } from '../../stores/postgres/index.ts';
import { testDatabase } from '../support/postgres.ts';
import { postgresServer } from '../support/postgres-server.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { connectionFaults, pause, type Backend } from './backend.ts';
import { openStore } from './open-store.ts';

/** A PostgreSQL server of its own, if one can be started here. Otherwise a database of its own on the existing server, which is never restarted. */
export async function postgresBackend(): Promise<Backend> {
  const server = await postgresServer();
  const database = server === undefined ? await testDatabase() : undefined;
  const url = new URL(server?.url ?? database?.url ?? '');
  const admin = new Pool({ connectionString: url.href, max: 2 });
  admin.on('error', () => undefined);
  await postgresStore({ pool: admin }).migrate();
  const proxy = await tcpProxy({ port: Number(url.port === '' ? 5432 : url.port), host: url.hostname });
  const far = new URL(url);
  far.port = `${proxy.port}`;
  far.hostname = '127.0.0.1';

  return {
    name: 'postgres',
    spec: () => ({ kind: 'postgres', url: far.href }),
    open: () => openStore({ kind: 'postgres', url: url.href }),
    faults: {
      ...connectionFaults(proxy),
      'connections ended by the server': {
        weight: 2,
        async run() {
          await admin.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()`,
          );
        },
      },
      ...(server !== undefined && {
        'server crashed and restarted': {
          weight: 3,
          async run(random) {
            await server.crash();
            await pause(random, 0, 300);
            await server.start();
          },
        },
      }),
    },
    async stop() {
      await proxy.close();
      await admin.end();
      await server?.stop();
      await database?.drop();
    },
  };
}
