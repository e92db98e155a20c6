import * as fc from 'fast-check';
import type { Wire } from '../../testing/upstream/wires.ts';
import { check } from './check.ts';
import { mutated, mutations } from './mutations.ts';
import { sourcesOf } from './streams.ts';

/** How long and with what numbers one wire is tried. */
export interface FuzzOptions {
  readonly seed: number;
  /** Ends it; default: no limit. */
  readonly milliseconds?: number;
  readonly runs?: number;
}

/** What came of it. `failure` names the stream, the changes and what did not hold. */
export interface FuzzReport {
  readonly runs: number;
  readonly failure?: string;
}

/** Tries mutated streams of one wire until one does not hold, the time is over or all runs are made. */
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
