// Not of the entry of the whole server: whoever uses this suite need not have the types of its peers.
import type { ChunkLog } from '../../server/chunk-log.ts';
import { limited, register } from '../contract.ts';
import type { ContractCase, TestRunner } from '../contract.ts';
import { appendCases } from './appends.ts';
import { contentCases } from './contents.ts';
import { endCases } from './ends.ts';
import { handoverCases } from './handovers.ts';
import { hintCases } from './hints.ts';
import { keepingCases } from './keeping.ts';
import { openCases } from './opens.ts';
import { ownerCases } from './owners.ts';
import { readCases } from './reads.ts';
import { onLog } from './stage.ts';
import type { LogStage, MadeLogOptions } from './stage.ts';
import { stopCases } from './stops.ts';
import { trimmingCases } from './trimming.ts';

/** Options of {@link chunkLogContract}. */
export interface ChunkLogContractOptions extends TestRunner {
  /** The name of the log, for the names of the tests. */
  readonly name: string;
  /**
   * Makes a log that is ready for use. Called once per case, which closes the log. All logs may share one database. `ttlMs`: how long a stream is kept after its end; without
   * it, streams must not expire while a case runs. `maxStreamBytes`: the maximum size of one stream.
   */
  makeLog(this: void, options?: MadeLogOptions): Promise<ChunkLog> | ChunkLog;
  /**
   * Makes a second log over the same data, as a second process would. Cases with several processes then run on both. Called after `makeLog`. Default: they share one log.
   */
  another?(this: void, log: ChunkLog): Promise<ChunkLog> | ChunkLog;
}

/** One case of the contract. */
export interface LogCase {
  readonly name: string;
  /** Options of the log. */
  readonly log?: MadeLogOptions;
  run(stage: LogStage): Promise<void>;
}

/** Some cases wait until a lease is over, in real time. */
const TIMEOUT_MS = 30_000;

/**
 * Registers tests for what every chunk log promises: a stream has one owner, whose appends are kept once and in order; every reader gets each chunk from any place; a stop
 * reaches the owner; whoever finds a stream without an owner ends it or takes it over, and the old owner is refused from then on.
 *
 * It brings no test runner: pass the functions of yours, with a timeout of at least 30 seconds per test.
 *
 * @example
 * chunkLogContract({ name: 'memory', makeLog: (options) => memoryLog(options), describe, test: it });
 */
export function chunkLogContract(options: ChunkLogContractOptions): void {
  register(`${options.name} keeps the contract of a chunk log`, chunkLogCases(options), options);
}

/** The cases that {@link chunkLogContract} registers, to be run by hand. */
export function chunkLogCases(options: Omit<ChunkLogContractOptions, 'test'>): ContractCase[] {
  const { timeoutMs = TIMEOUT_MS } = options;
  const cases: LogCase[] = [
    ...openCases,
    ...appendCases,
    ...contentCases,
    ...readCases,
    ...endCases,
    ...ownerCases,
    ...handoverCases,
    ...stopCases,
    ...hintCases,
    ...keepingCases,
    ...trimmingCases,
  ];
  return cases.map(({ name, log, run }) =>
    limited({ name, run: () => onLog(options, log, (stage) => run(stage)) }, timeoutMs),
  );
}
