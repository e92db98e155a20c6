import { resolve } from 'node:path';

import * as z from 'zod';

import { defineStore } from '../../src/index.ts';
import type { StateStore } from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { Connection, IN_MEMORY } from './connection.ts';
import { SqliteDriver } from './driver.ts';

/** Where sessions are stored, and for how long. */
export interface SqliteStoreOptions {
  /**
   * The file, which several processes of one machine may use at once. It is created with its directory if it is missing, readable by its owner
   * alone. `':memory:'`: only in the memory of this store.
   */
  path: string;
  /** A session expires if it is not appended to, updated or leased for so many milliseconds. Default: never. */
  ttlMs?: number | undefined;
  /**
   * How long a call waits for writes of other processes, in milliseconds, before it fails. Keep it below the pipeline's `storeTimeoutMs`, so that the
   * error says why. Default: 4,000.
   */
  busyTimeoutMs?: number | undefined;
}

const schema = z.strictObject({
  path: z
    .string()
    .min(1)
    .refine((path) => !path.includes('\0'), 'give the path of a file, or ":memory:"'),
  ttlMs: z.number().min(1).optional(),
  busyTimeoutMs: z.number().min(0).default(4_000),
});

/**
 * Sessions in an SQLite file, with `node:sqlite` of Node.js: on one machine, for any number of processes. An append is on the disk when it
 * resolves.
 *
 * The file is opened at the first call, and again after a failure. The lease of a process that has ended on this machine counts as released.
 *
 * Throws `invalid_options` for wrong options.
 *
 * @example
 * const pipeline = new Pipeline(stack, { store: sqliteStore({ path: 'data/sessions.db' }), own: true });
 */
export function sqliteStore(options: SqliteStoreOptions): StateStore {
  const { path, ttlMs, busyTimeoutMs } = parseOptions('sqliteStore()', schema, options);
  // Resolved, so that a later change of the working directory does not move the file, and no path is taken for a URI.
  const connection = new Connection(path === IN_MEMORY ? path : resolve(path), busyTimeoutMs);
  return defineStore(new SqliteDriver(connection, ttlMs), {
    name: 'sqlite',
    fault: (error, doing) => connection.fault(error, doing),
  });
}
