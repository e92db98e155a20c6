import { contextKey } from '../../src/index.ts';

/** Limits of the tools of one execution. */
export interface ToolLimit {
  /** At most so many rounds of tools; never more than the option `maxRounds` allows. */
  maxRounds?: number | undefined;
  /** Whether the tools of `tools()` are offered at all. Default true. */
  ownTools?: boolean | undefined;
  /**
   * What becomes of a call that has to be approved. `wait` (default): the turn waits for a decision, which needs a session. `deny`: the call is not run, the model is told that nobody
   * can approve it here, and the result has a warning.
   */
  approvals?: 'wait' | 'deny' | undefined;
}

/**
 * Limits the tools of one execution further than the options of `tools()` do. A server sets it for a client that asks for fewer rounds. It holds for the agents that run inside,
 * too.
 *
 * @example
 * await pipeline.execute('user', 'Plan my week', { values: [ToolLimits.with({ maxRounds: 3 })] });
 */
export const ToolLimits = contextKey<ToolLimit>('limits of tools');
