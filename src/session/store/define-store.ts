import { asText } from './contents.ts';
import { DrivenStore } from './driven-store.ts';
import type { StoreOptions } from './driver-calls.ts';
import type { StoreDriver } from './driver.ts';
import type { StateStore } from './store.ts';

/**
 * Makes a session store of a driver. The driver reads and writes rows of a database; the store does the rest: it checks what it is called with,
 * turns messages into text and checks what it reads, stores a turn once, and says what an error means. `docs/stores/writing-a-store.md` is
 * the guide, `stateStoreContract` of `sluice/testing` the test suite.
 *
 * @example
 * const store = defineStore(driver, { name: 'map' });
 */
export function defineStore(driver: StoreDriver, options?: StoreOptions): StateStore {
  return new DrivenStore(driver, asText, options);
}
