import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pause, type Backend } from './backend.ts';
import { openStore } from './open-store.ts';

/** A SQLite file of its own. */
export async function sqliteBackend(): Promise<Backend> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sqlite-'));
  const path = join(folder, 'sessions.db');
  const spec = { kind: 'sqlite', path } as const;
  // Created first, so that the lock of a fault cannot find it half created.
  const store = await openStore(spec);
  await store.load('any');
  await store.close();
  return {
    name: 'sqlite',
    spec: () => spec,
    open: () => openStore(spec),
    faults: {
      'file locked by another process': {
        weight: 1,
        async run(random) {
          const other = new DatabaseSync(path, { timeout: 0 });
          // Not waited for here: the process that holds the lock may be paused, and this process is the one that resumes it.
          while (!begins(other)) await pause(random, 1, 5);
          await pause(random, 50, 1_800);
          other.exec('ROLLBACK');
          other.close();
        },
      },
    },
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}

function begins(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN IMMEDIATE');
    return true;
  } catch {
    return false;
  }
}
