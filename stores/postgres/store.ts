import * as z from 'zod';
import { SluiceError, defineStore, isSluiceError } from '../../src/index.ts';
import type { StateStore } from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { PostgresDriver } from './driver.ts';
import { failure } from './errors.ts';
import type { PostgresStoreSettings } from './options.ts';

/** The maximum number of messages per row. A load reads at most one row more than it needs. */
const ROW_SIZE = 16;

const sweepSchema = z.object({
  owner: z.string().optional(),
  limit: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
});

/** Sessions in PostgreSQL: see `postgresStore()`. */
export interface PostgresStore extends StateStore {
  /**
   * Creates the tables, or migrates them to the version of this release; does nothing if they are up to date. Several processes may call it at once. The
   * role needs the right to create tables in the schema (and the schema, if there is none) if there is something to do. It takes a
   * minute at most, or `timeoutMs` if that is longer.
   */
  migrate(): Promise<void>;
  /**
   * Deletes expired sessions from the tables; they are invisible even before. A store with a `ttlMs` does so for the owner of an
   * append, at most once a minute. Call it now and then to delete the sessions of owners who do not come back. Resolves to the number of deleted
   * sessions. Without an owner it deletes those of all owners; with `rowLevelSecurity` an owner is required.
   */
  sweep(options?: { owner?: string; limit?: number }): Promise<number>;
}

/** Makes the store from checked options. */
export function storeOf(settings: PostgresStoreSettings): PostgresStore {
  const driver = new PostgresDriver(settings);
  const store = defineStore(driver, { name: 'postgres', rowSize: ROW_SIZE, fault: failure });
  return Object.assign(store, {
    migrate: () => called('migrate', () => driver.migrate()),
    async sweep({ owner, limit = 1_000 }: { owner?: string; limit?: number } = {}) {
      parseOptions('sweep()', sweepSchema, { owner, limit });
      if (owner === undefined && settings.rowLevelSecurity) {
        const fix = 'give one, or sweep by a store without rowLevelSecurity whose role has BYPASSRLS';
        throw new SluiceError('invalid_options', `sweep(): owner is missing: ${fix}.`);
      }
      return called('sweep', () => driver.sweep(owner, limit));
    },
  });
}

async function called<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw isSluiceError(error) ? error : failure(error, doing);
  }
}
