import type { ExecutionOptions, Middleware } from '../../src/index.ts';
import { DEFAULT_TIMEOUT_MS, limited, register } from '../contract.ts';
import type { ContractCase, TestRunner, Until } from '../contract.ts';
import { attemptCases } from './attempts.ts';
import { endingCases } from './endings.ts';
import { leakCases } from './leaks.ts';
import { passingCases } from './passing.ts';
import { sharingCases } from './sharing.ts';

/**
 * What a middleware changes on purpose.
 *
 * - `text`: the content or the thinking.
 * - `tools`: tool calls, which it may run.
 * - `request`: the request to the model.
 * - `reply`: the finish reason, model or usage of the reply.
 * - `cost`: the cost of calls.
 * - `calls`: how many model calls an execution makes (a cache, a tool loop, a hedge).
 * - `errors`: the provider's errors (a fallback).
 * - `pace`: when chunks are delivered (a guard, a check of the whole answer).
 */
export type MiddlewareChange = 'text' | 'tools' | 'request' | 'reply' | 'cost' | 'calls' | 'errors' | 'pace';

/** Options of {@link middlewareContract}. */
export interface MiddlewareContractOptions extends TestRunner {
  /** Used in the names of the tests. */
  readonly name: string;
  /** Makes a new middleware. Called once per case. */
  make(): Middleware;
  /** What it changes on purpose. Cases that check that nothing changes there are skipped. Default: nothing. */
  readonly changes?: readonly MiddlewareChange[];
  /** Options of the executions, such as the `values` that the middleware reads. */
  readonly execution?: Omit<ExecutionOptions, 'signal'>;
}

/** A case that is skipped if the middleware makes one of the changes in `unless` on purpose. */
export interface MiddlewareCase {
  readonly name: string;
  readonly unless?: readonly MiddlewareChange[];
  run(subject: MiddlewareSubject): Promise<void>;
}

/** The middleware a case tests. */
export interface MiddlewareSubject {
  make(): Middleware;
  readonly execution: ExecutionOptions;
  /** Waits for what may not come: a case that hangs says what it was waiting for. */
  readonly until: Until;
  /** How long a case may take, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Registers tests for what every middleware must do: deliver text unchanged and at once, keep errors as they are, free the model however
 * an execution ends, leave nothing behind, work for several executions, also at the same time, and for several attempts within one.
 *
 * Works with any test runner: pass in its functions.
 *
 * @example
 * import { describe, it } from 'vitest';
 * middlewareContract({ name: 'audit', make: () => audit({ sink }), describe, test: it });
 */
export function middlewareContract(options: MiddlewareContractOptions): void {
  register(`${options.name} keeps the contract of a middleware`, middlewareCases(options), options);
}

/** The cases that {@link middlewareContract} registers, for running them by hand. */
export function middlewareCases(options: Omit<MiddlewareContractOptions, 'test'>): ContractCase[] {
  const { changes = [], execution = {}, timeoutMs = DEFAULT_TIMEOUT_MS, make } = options;
  return [...passingCases, ...endingCases, ...leakCases, ...sharingCases, ...attemptCases]
    .filter(({ unless = [] }) => !unless.some((change) => changes.includes(change)))
    .map(({ name, run }) =>
      limited({ name, run: (until) => run({ make: () => make(), execution, until, timeoutMs }) }, timeoutMs),
    );
}
