import type { Middleware } from '../../src/index.ts';
import type { Tool } from './tool.ts';

// A global symbol, so that a tools() of another copy of the package in the same process is known, too.
const TOOLS = Symbol.for('sluice.tools');

interface WithTools extends Middleware {
  readonly [TOOLS]?: ReadonlyMap<string, Tool>;
}

const NO_TOOLS: ReadonlyMap<string, Tool> = new Map();

/** Marks a middleware as one that runs these tools, as they are at each time. */
export function withTools(middleware: Middleware, tools: () => ReadonlyMap<string, Tool>): Middleware {
  return Object.defineProperty(middleware, TOOLS, { get: tools });
}

/**
 * The tools that the middleware of a pipeline runs now, by their names.
 *
 * @example
 * const names = [...toolsOf(pipeline.middleware).keys()];
 */
export function toolsOf(middleware: readonly WithTools[]): ReadonlyMap<string, Tool> {
  return middleware.find((one) => one[TOOLS] !== undefined)?.[TOOLS] ?? NO_TOOLS;
}
