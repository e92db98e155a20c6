import type { ExecutionOptions, Middleware } from '../../src/index.ts';
import { limited, register } from '../contract.ts';
import type { ContractCase, TestRunner } from '../contract.ts';
import { endingCases } from './endings.ts';
import { leakCases } from './leaks.ts';
import { passingCases } from './passing.ts';

/**
 * What a middleware changes on purpose.
 *
 * - `text`: the content or thinking. `tools`: tool calls, which it may run. `request`: what the model is asked.
 * - `reply`: finish reason, model, usage of the reply. `cost`: it sets the calls' cost.
 * - `calls`: how many calls of the model an execution makes (a cache, a tool loop, a hedge).
 * - `errors`: errors of the provider (a fallback).
 * - `pace`: chunks are held back (a guard, a whole-answer check).
 */
export type MiddlewareChange = 'text' | 'tools' | 'request' | 'reply' | 'cost' | 'calls' | 'errors' | 'pace';

/** What {@link middlewareContract} is given. */
export interface MiddlewareContractOptions extends TestRunner {
  /** For the names of the tests. */
  readonly name: string;
  /** Makes a fresh middleware. Called once a case. */
  make(): Middleware;
  /** What it changes on purpose; the cases that say it changes nothing there are left out. Default: nothing. */
  readonly changes?: readonly MiddlewareChange[];
  /** Options for the executions, such as the `values` that the middleware reads. */
  readonly execution?: Omit<ExecutionOptions, 'signal'>;
}

/** A case that holds unless the middleware changes something of these on purpose. */
export interface MiddlewareCase {
  readonly name: string;
  readonly unless?: readonly MiddlewareChange[];
  run(subject: MiddlewareSubject): Promise<void>;
}

/** What a case works with. */
export interface MiddlewareSubject {
  make(): Middleware;
  readonly execution: ExecutionOptions;
}

/**
 * Registers what every middleware promises as tests: text passes through, unchanged and at once; errors stay what they are;
 * every end of an execution frees the model; nothing is left behind; it can be used again and at the same time.
 *
 * It brings no test runner: hand in the functions of yours.
 *
 * @example
 * import { describe, it } from 'vitest';
 * middlewareContract({ name: 'audit', make: () => audit({ sink }), describe, test: it });
 */
export function middlewareContract(options: MiddlewareContractOptions): void {
  register(`${options.name} keeps the contract of a middleware`, middlewareCases(options), options);
}

/** The cases that {@link middlewareContract} registers, to be run by hand. */
export function middlewareCases(options: Omit<MiddlewareContractOptions, 'test'>): ContractCase[] {
  const { changes = [], execution = {}, timeoutMs, make } = options;
  const subject: MiddlewareSubject = { make: () => make(), execution };
  return [...passingCases, ...endingCases, ...leakCases]
    .filter(({ unless = [] }) => !unless.some((change) => changes.includes(change)))
    .map(({ name, run }) => limited({ name, run: () => run(subject) }, timeoutMs));
}
