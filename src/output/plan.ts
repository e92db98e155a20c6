import type { StreamChunk } from '../chunks.ts';
import type { ModelRequest, Reply } from '../request.ts';
import type { Stream } from '../stream/stream.ts';
import type { RequestedOutput } from './requested.ts';
import type { OutputSupport } from './support.ts';

/** The model that is about to be asked. */
export interface AskedModel {
  /** The name of its provider, if known. */
  readonly provider: string | undefined;
  /** What it says about itself. */
  readonly support: OutputSupport | undefined;
  /** Adds a warning to the result. */
  warn(message: string): void;
}

/** What is sent to a model, and what is made of its answer. */
export interface AskedOutput {
  readonly request: ModelRequest;
  readonly read?: (stream: Stream<StreamChunk, Reply>) => Stream<StreamChunk, Reply>;
}

/** Says how a model is asked for an output. The layer that checks the output makes one for each attempt, and the call of the model uses it, where it is known which model that is. */
export interface OutputPlan {
  ask(request: ModelRequest, model: AskedModel): AskedOutput;
}

// A global symbol, so that what another copy of the package in the same process has made is known, too.
const PLAN = Symbol.for('sluice.output-plan');

interface PlannedOutput extends RequestedOutput {
  readonly [PLAN]?: OutputPlan;
}

/** The requested output with how a model is asked for it. Pass it to `next()`. */
export function withOutputPlan(output: RequestedOutput, plan: OutputPlan): RequestedOutput {
  const planned: PlannedOutput = { ...output, [PLAN]: plan };
  return planned;
}

/** How a model is asked for an output, if a layer above has said so. */
export function outputPlanOf(output: PlannedOutput): OutputPlan | undefined {
  return output[PLAN];
}
