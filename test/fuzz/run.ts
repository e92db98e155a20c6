import * as fc from 'fast-check';
import type { Wire } from '../../testing/upstream/wires.ts';
import { check } from './check.ts';
import { mutated, mutations } from './mutations.ts';
import { sourcesOf } from './streams.ts';

/** The settings of one run: a seed, and a limit of time or runs. */
export interface FuzzOptions {
  readonly seed: number;
  /** Time limit. Default: no limit. */
  readonly milliseconds?: number;
  readonly runs?: number;
}

/** The result of a run. `failure` has the stream, the changes and the rule that was broken. */
export interface FuzzReport {
  readonly runs: number;
  readonly failure?: string;
}

/** Checks mutated streams of one wire until one fails, the time is over, or all runs are done. */
export async function fuzz(wire: Wire, options: FuzzOptions): Promise<FuzzReport> {
  const sources = sourcesOf(wire);
  const property = fc.asyncProperty(
    fc.nat(sources.length - 1),
    mutations,
    fc.integer({ min: 16, max: 4_000 }),
    async (number, changes, readBytes) => {
      const source = sources[number];
      if (source !== undefined) await check(wire, mutated(source.lines, changes), readBytes);
    },
  );
  const details = await fc.check(property, {
    seed: options.seed,
    numRuns: options.runs ?? Number.MAX_SAFE_INTEGER,
    ...(options.milliseconds !== undefined && { interruptAfterTimeLimit: options.milliseconds }),
    markInterruptAsFailure: false,
  });
  const { counterexample, errorInstance } = details;
  if (!details.failed || counterexample === null) return { runs: details.numRuns };
  const [number, changes, readBytes] = counterexample;
  const why =
    errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance);
  const what = `${wire}/${sources[number]?.name ?? '?'} in reads of ${readBytes} bytes, after ${JSON.stringify(changes)}`;
  return { runs: details.numRuns, failure: `${what}\n${why}` };
}
