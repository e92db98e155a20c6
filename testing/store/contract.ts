import type { StateStore } from '../../src/index.ts';
import { limited, register } from '../contract.ts';
import type { ContractCase, TestRunner } from '../contract.ts';
import { appendCases } from './appends.ts';
import { branchCases } from './branches.ts';
import { branchTurnCases } from './branch-turns.ts';
import { concurrencyCases } from './concurrency.ts';
import { contentCases } from './contents.ts';
import { corruptionCases } from './corruption.ts';
import { keyCases } from './keys.ts';
import { leaseCases } from './leases.ts';
import { openTurnCases } from './open-turns.ts';
import { sessionCases } from './sessions.ts';
import { spendCases } from './spend.ts';
import { onStore } from './stage.ts';
import type { StoreStage } from './stage.ts';
import { stepCases } from './steps.ts';
import { ttlCases } from './ttl.ts';

/** Options of {@link stateStoreContract}. */
export interface StateStoreContractOptions extends TestRunner {
  /** The name of the store, for the names of the tests. */
  readonly name: string;
  /**
   * Makes a store that is ready for use. Called once per case, which closes the store. All stores may share one database. `ttlMs`: how long
   * its sessions live. Without it they must not expire while a case runs.
   */
  makeStore(this: void, options?: { ttlMs?: number }): Promise<StateStore> | StateStore;
  /**
   * Makes a second store over the same data, as a second process would. Cases with several writers then run on both. Called after
   * `makeStore`. Default: the writers share one store.
   */
  another?(this: void, store: StateStore): Promise<StateStore> | StateStore;
  /**
   * Overwrites the stored data of the session's newest append with this text, without going through the store. Default: the cases about
   * corrupt data are skipped.
   */
  corrupt?(this: void, key: { owner: string; id: string }, text: string, store: StateStore): Promise<void>;
}

/** One case of the contract. */
export interface StoreCase {
  readonly name: string;
  /** How long the store's sessions live. Default: the store's own default. */
  readonly ttlMs?: number;
  /** Set if the case needs `corrupt`. */
  readonly corrupts?: true;
  run(stage: StoreStage): Promise<void>;
}

/** Some cases write megabytes or ten thousand messages. */
const TIMEOUT_MS = 30_000;

/**
 * Registers tests for what every session store promises: appends are atomic, guarded by version and lease, and stored once per turn;
 * sessions of different owners are kept apart; usage and cost add up; any text that is stored is returned unchanged.
 *
 * It brings no test runner: pass the functions of yours, with a timeout of at least 30 seconds per test.
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
    ...stepCases,
    ...openTurnCases,
    ...branchCases,
    ...branchTurnCases,
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
