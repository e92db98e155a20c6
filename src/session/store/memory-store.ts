import * as z from 'zod';
import { parseOptions } from '../../kit/parse-options.ts';
import { asCopy } from './contents.ts';
import type { PlainContent } from './contents.ts';
import { DrivenStore } from './driven-store.ts';
import { MemoryDriver } from './memory-driver.ts';
import type { MemoryStoreOptions } from './memory-driver.ts';

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
