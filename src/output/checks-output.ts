import type { Middleware } from '../context.ts';

// A global symbol, so that a middleware made by another copy of the package in the same process is known, too.
const REPLAYED = Symbol.for('sluice.output');

interface ChecksOutput extends Middleware {
  readonly [REPLAYED]?: Middleware;
}

/**
 * Marks a middleware as the one that checks the output. `replayed` takes its place if the turn was finished before and its stored reply is said again: it checks that, and
 * asks no model.
 */
export function checksOutput(middleware: Middleware, replayed: Middleware): Middleware {
  return Object.defineProperty(middleware, REPLAYED, { value: replayed });
}

/** What checks the output of a reply that is said again, if the middleware checks outputs. */
export function replayedCheckOf(middleware: ChecksOutput): Middleware | undefined {
  return middleware[REPLAYED];
}
