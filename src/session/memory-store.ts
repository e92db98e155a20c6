import * as z from 'zod';
import { parseOptions } from '../kit/parse-options.ts';
import { asCopy } from './contents.ts';
import type { PlainContent } from './contents.ts';
import { DrivenStore } from './driven-store.ts';
import { MemoryDriver } from './memory-driver.ts';

/** Bounds of the in-memory store. */
export interface MemoryStoreOptions {
  /** A session that is neither appended to, updated nor leased for so long is gone, in milliseconds. Default: 1 hour. */
  ttlMs?: number;
  /** Most sessions kept; the longest unused go first. Default: 1,000. */
  maxSessions?: number;
  /** Most owners whose spend is kept; the one that has spent nothing for the longest time goes first. Default: 10,000. */
  maxOwners?: number;
}

const schema = z.strictObject({
  ttlMs: z.number().min(1).default(3_600_000),
  maxSessions: z.int().min(1).default(1_000),
  maxOwners: z.int().min(1).default(10_000),
});

/** Sessions in this process's memory, bounded by age and count. A session under a lease is never evicted. */
export class MemoryStore extends DrivenStore<PlainContent> {
  /** Throws `invalid_options` for wrong options. */
  constructor(options: MemoryStoreOptions = {}) {
    const driver = new MemoryDriver(parseOptions('MemoryStore options', schema, options));
    super(driver, asCopy, { name: 'memory', rawIds: true });
  }
}
