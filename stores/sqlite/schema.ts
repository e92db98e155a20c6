import type { DatabaseSync } from 'node:sqlite';

import { SluiceError } from '../../src/index.ts';
import { moveToDriverTables } from './driver-tables.ts';
import { numberIn } from './row.ts';

/** Marks a file as a database of this store: "Slce". */
const APPLICATION_ID = 0x53_6c_63_65;

/** Migrates the tables of one version to the next. */
export type Step = string | ((database: DatabaseSync) => void);

/** All steps in order. `user_version` is the number of steps that were run. A released step is never changed. */
export const STEPS: readonly Step[] = [
  `CREATE TABLE sessions (
     session INTEGER PRIMARY KEY,
     owner TEXT NOT NULL,
     id TEXT NOT NULL,
     version INTEGER NOT NULL,
     messages INTEGER NOT NULL,
     spend TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     updated_at INTEGER NOT NULL,
     expires_at INTEGER,
     token INTEGER NOT NULL,
     leased_until INTEGER NOT NULL,
     holder TEXT,
     UNIQUE (owner, id)
   ) STRICT;
   CREATE INDEX sessions_by_expiry ON sessions (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE contents (
     session INTEGER PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
     content TEXT NOT NULL
   ) STRICT;
   CREATE TABLE turns (
     session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
     turn TEXT,
     part INTEGER NOT NULL,
     version INTEGER NOT NULL,
     through INTEGER NOT NULL,
     messages INTEGER NOT NULL,
     content TEXT NOT NULL,
     UNIQUE (session, turn, part)
   ) STRICT;
   CREATE INDEX turns_by_message ON turns (session, through) WHERE messages > 0;
   CREATE TABLE owners (owner TEXT PRIMARY KEY, spend TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE tokens (last INTEGER NOT NULL) STRICT;
   INSERT INTO tokens VALUES (0);`,
  moveToDriverTables,
];

/**
 * Migrates the tables to the version of this release. Throws `store`, not retryable, for the database of another program or of a later release. `steps` is for
 * tests.
 */
export function prepareTables(database: DatabaseSync, path: string, steps = STEPS): void {
  // Usually there is nothing to do, so nothing is locked.
  if (versionOf(database, path, steps.length) === steps.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been faster.
    const version = versionOf(database, path, steps.length);
    for (const step of steps.slice(version)) {
      if (typeof step === 'string') database.exec(step);
      else step(database);
    }
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync, path: string, newest: number): number {
  const version = pragma(database, 'user_version');
  const isOurs = pragma(database, 'application_id') === APPLICATION_ID;
  if (!isOurs && (version !== 0 || hasTables(database))) {
    const message = `${JSON.stringify(path)} is the database of another program: give sessions a file of their own.`;
    throw new SluiceError('store', message, { retryable: false });
  }
  if (version > newest) {
    const message = `${JSON.stringify(path)} has tables of version ${version}, and this release knows up to ${newest}: update it.`;
    throw new SluiceError('store', message, { retryable: false });
  }
  return version;
}

function pragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return numberIn(database.prepare(`PRAGMA ${name}`).get() ?? {}, name);
}

function hasTables(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined;
}
