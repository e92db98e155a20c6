import type { StateStore } from '../../src/index.ts';
import { limited, register } from '../contract.ts';
import type { ContractCase, TestRunner } from '../contract.ts';
import { appendCases } from './appends.ts';
import { concurrencyCases } from './concurrency.ts';
import { contentCases } from './contents.ts';
import { corruptionCases } from './corruption.ts';
import { keyCases } from './keys.ts';
import { leaseCases } from './leases.ts';
import { sessionCases } from './sessions.ts';
import { spendCases } from './spend.ts';
import { onStore } from './stage.ts';
import type { StoreStage } from './stage.ts';
import { ttlCases } from './ttl.ts';

/** What {@link stateStoreContract} is given. */
export interface StateStoreContractOptions extends TestRunner {
  /** For the names of the tests. */
  readonly name: string;
  /**
   * Makes a store, ready for use; all of them may share one database. Called once a case, which closes it. `ttlMs`: with sessions that
   * live so long, or where it is not given with sessions that do not expire by themselves while a case runs.
   */
  makeStore(this: void, options?: { ttlMs?: number }): Promise<StateStore> | StateStore;
  /**
   * Another store over the same data, as a second process has it: the cases that several writers share then run on both. Called after
   * `makeStore`. Default: they share one.
   */
  another?(this: void, store: StateStore): Promise<StateStore> | StateStore;
  /**
   * Overwrites what is stored of the session's newest append, around the store, with this text. Default: the cases about corrupt data are
   * left out.
   */
  corrupt?(this: void, key: { owner: string; id: string }, text: string, store: StateStore): Promise<void>;
}

/** A case for every store. */
export interface StoreCase {
  readonly name: string;
  /** Of the store's sessions. Default: the store's own. */
  readonly ttlMs?: number;
  /** Only for stores whose data can be broken. */
  readonly corrupts?: true;
  run(stage: StoreStage): Promise<void>;
}

/** Some cases write megabytes or ten thousand messages. */
const TIMEOUT_MS = 30_000;

/**
 * Registers what every session store promises as tests: appends are atomic, guarded by version and lease, and stored once a turn;
 * sessions of different owners never meet; what was spent adds up; whatever text is stored comes back.
 *
 * It brings no test runner: hand in the functions of yours, with a limit of time of their own of 30 seconds a test.
 *
 * @example
 * stateStoreContract({ name: 'sqlite', makeStore: (options) => sqliteStore({ path, ...options }), describe, test: it });
 */
export function stateStoreContract(options: StateStoreContractOptions): void {
  register(`${options.name} keeps the contract of a session store`, stateStoreCases(options), options);
}

/** The cases that {@link stateStoreContract} registers, to be run by hand. */
export function stateStoreCases(options: Omit<StateStoreContractOptions, 'test'>): ContractCase[] {
  const { timeoutMs = TIMEOUT_MS, corrupt } = options;
  const cases: StoreCase[] = [
    ...appendCases,
    ...sessionCases,
    ...spendCases,
    ...leaseCases,
    ...ttlCases,
    ...keyCases,
    ...contentCases,
    ...concurrencyCases,
    ...corruptionCases,
  ];
  return cases
    .filter(({ corrupts }) => corrupts === undefined || corrupt !== undefined)
    .map(({ name, ttlMs, run }) =>
      limited({ name, run: () => onStore(options, ttlMs, (stage) => run(stage)) }, timeoutMs),
    );
}
