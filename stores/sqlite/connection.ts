import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { SluiceError, isSluiceError } from '../../src/index.ts';
import { delay, exponential } from '../../src/kit/index.ts';
import { prepareTables } from './schema.ts';
import { Statements } from './statements.ts';

/** SQLite's name for a database in memory. */
export const IN_MEMORY = ':memory:';

/** Primary result codes (https://sqlite.org/rescode.html). */
const BUSY = 5;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** The reasons why the file or its directory can never be created. */
const MISPLACED = new Set(['EACCES', 'EEXIST', 'EISDIR', 'ENOTDIR', 'EPERM', 'EROFS']);

/** The waits between tries if another process has locked the file. The jitter keeps processes from trying at the same time. */
const backoff = exponential({ initialMs: 1, maxMs: 50, jitter: 'equal' });

/** How a transaction is stored. */
export interface WriteOptions {
  /** Whether it survives a power failure, not only the end of the process. Default: true. */
  durable?: boolean;
}

interface Open {
  readonly database: DatabaseSync;
  readonly statements: Statements;
  /** What `PRAGMA synchronous` is set to. */
  synchronous: 'FULL' | 'NORMAL';
}

/**
 * The connection to the file: opened at its first use, and again after a failure. Throws `invalid_options` without `node:sqlite`.
 *
 * Each transaction runs synchronously, so transactions of one process never overlap. While another process writes, the wait for it is
 * asynchronous: SQLite's own busy timeout would hold up the whole process.
 */
export class Connection {
  readonly #path: string;
  readonly #busyTimeoutMs: number;
  readonly #sqlite: typeof import('node:sqlite');
  #open: Open | undefined;
  #isClosed = false;

  constructor(path: string, busyTimeoutMs: number) {
    this.#path = path;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#sqlite = loadSqlite();
  }

  /** Runs a reading function on one snapshot of the database. */
  read<T>(work: (statements: Statements) => T): Promise<T> {
    return this.#retried(({ database, statements }) =>
      transaction(database, 'BEGIN', () => work(statements)),
    );
  }

  /** Runs a writing function: all of it is stored, or nothing if it throws. */
  write<T>(work: (statements: Statements) => T, { durable = true }: WriteOptions = {}): Promise<T> {
    const synchronous = durable ? 'FULL' : 'NORMAL';
    return this.#retried((open) => {
      if (open.synchronous !== synchronous) open.database.exec(`PRAGMA synchronous = ${synchronous}`);
      open.synchronous = synchronous;
      return transaction(open.database, 'BEGIN IMMEDIATE', () => work(open.statements));
    });
  }

  /** Also removes deleted data from the write-ahead log, unless another process is reading it. */
  emptyLog(): void {
    try {
      this.#open?.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // The rest is overwritten by later writes.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  async #retried<T>(work: (open: Open) => T): Promise<T> {
    const until = performance.now() + this.#busyTimeoutMs;
    for (let retry = 1; ; retry++) {
      if (this.#isClosed) {
        throw new SluiceError('store', 'The session store is closed.', { retryable: false });
      }
      try {
        this.#open ??= open(this.#sqlite, this.#path);
        return work(this.#open);
      } catch (error) {
        if (isSluiceError(error)) throw error;
        if (codeOf(error) !== BUSY) {
          // The next call opens the file anew, which may help. A database in memory would be lost.
          if (this.#path !== IN_MEMORY) this.#drop();
          throw error;
        }
        if (performance.now() >= until) throw error;
      }
      await delay(backoff(retry));
    }
  }

  /** Translates an error of SQLite, in a call such as `append`; undefined if it is unknown. */
  fault(error: unknown, doing: string): SluiceError | undefined {
    const fault = faultOf(error);
    if (fault === undefined) return undefined;
    const message = `The session store failed at ${doing}: ${JSON.stringify(this.#path)} ${fault.what}.`;
    return new SluiceError('store', message, { retryable: fault.retryable, cause: error });
  }

  #drop(): void {
    const dropped = this.#open;
    this.#open = undefined;
    try {
      dropped?.database.close();
    } catch {
      // There is nothing left to free.
    }
  }
}

/** What is wrong with the file or its path, if it is something that the user can fix. */
function faultOf(error: unknown): { what: string; retryable: boolean } | undefined {
  const code = codeOf(error);
  if (code === CORRUPT) return { what: 'is damaged', retryable: false };
  if (code === NOT_A_DATABASE) return { what: 'is not an SQLite database', retryable: false };
  const reason = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!MISPLACED.has(reason)) return undefined;
  return { what: `cannot be opened (${reason}): give the path of a file to read and write`, retryable: true };
}

/** The primary result code of an SQLite error. */
function codeOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  // It is the lowest byte of the extended code.
  return typeof code === 'number' ? code & 0xff : undefined;
}

function transaction<T>(database: DatabaseSync, begin: string, work: () => T): T {
  database.exec(begin);
  try {
    const done = work();
    database.exec('COMMIT');
    return done;
  } catch (error) {
    // SQLite has ended it by itself after some failures, such as a full disk.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Not imported: a runtime without it could not even say so. */
function loadSqlite(): typeof import('node:sqlite') {
  const sqlite = process.getBuiltinModule?.('node:sqlite');
  if (sqlite !== undefined) return sqlite;
  throw new SluiceError(
    'invalid_options',
    'sqliteStore() needs the module node:sqlite, which this runtime does not have: use another store.',
  );
}

function open({ DatabaseSync }: typeof import('node:sqlite'), path: string): Open {
  if (path !== IN_MEMORY) createPrivate(path);
  const database = new DatabaseSync(path);
  try {
    // Readers and a writer do not wait for each other. The file keeps this setting.
    database.exec('PRAGMA journal_mode = WAL');
    // Deleted data is overwritten, not only unlinked.
    database.exec('PRAGMA secure_delete = ON; PRAGMA synchronous = FULL');
    prepareTables(database, path);
    return { database, statements: new Statements(database), synchronous: 'FULL' };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Creates the file, which nobody else may read, and its directory, if they are missing. SQLite gives its other files the same permissions. */
function createPrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  narrowFilesBeside(path);
}

/** Files that a killed process left beside the file may be readable by more than the file is now. */
function narrowFilesBeside(path: string): void {
  const { mode } = statSync(path);
  for (const beside of [`${path}-wal`, `${path}-shm`]) {
    const found = statSync(beside, { throwIfNoEntry: false });
    if (found === undefined || (found.mode & 0o777 & ~mode) === 0) continue;
    try {
      chmodSync(beside, found.mode & mode & 0o777);
    } catch {
      // It belongs to somebody else, who may also open the file.
    }
  }
}
