import type { ExecutionOptions, Middleware } from '../../src/index.ts';
import { limited, register } from '../contract.ts';
import type { ContractCase, TestRunner } from '../contract.ts';
import { endingCases } from './endings.ts';
import { leakCases } from './leaks.ts';
import { passingCases } from './passing.ts';

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
}

/**
 * Registers tests for what every middleware must do: deliver text unchanged and at once, keep errors as they are, free the model however
 * an execution ends, leave nothing behind, and work for several executions, also at the same time.
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
  const { changes = [], execution = {}, timeoutMs, make } = options;
  const subject: MiddlewareSubject = { make: () => make(), execution };
  return [...passingCases, ...endingCases, ...leakCases]
    .filter(({ unless = [] }) => !unless.some((change) => changes.includes(change)))
    .map(({ name, run }) => limited({ name, run: () => run(subject) }, timeoutMs));
}
