import { checksOutput, outputPlanOf } from '../src/index.ts';
import type { Middleware } from '../src/index.ts';
import { Answering } from './output/answering.ts';
import { clientAnswer } from './output/client-answer.ts';
import { clientFormat } from './output/client-format.ts';
import { outputSettings } from './output/options.ts';
import type { OutputOptions } from './output/options.ts';
import { replayedOutput } from './output/replayed.ts';

export { convert } from './output/convert.ts';
export type { Conversion, Lost } from './output/convert.ts';
export { DIALECTS } from './output/dialects.ts';
export type { Dialect } from './output/dialects.ts';
export { LIMITS } from './output/limits.ts';
export type { SchemaCounts } from './output/limits.ts';
export type { OutputMode, OutputOptions } from './output/options.ts';

/**
 * Sees to the output that a call asks for with the option `output`, a schema: asks the model for it in the way that fits the model, checks the answer, and puts it into the
 * result. An execution without that option passes through.
 *
 * Place it below `tools()` and above `retry()`. An answer that does not match fails with an {@link OutputError}, after one more attempt with `repair: 1`.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const pipeline = new Pipeline([tools([weather]), output({ repair: 1 }), retry(), provider(openai())]);
 * const { output } = await pipeline.execute('user', 'Two cities', { output: z.object({ cities: z.array(z.string()) }) });
 */
export function output(options: OutputOptions = {}): Middleware {
  const settings = outputSettings(options);
  return checksOutput(function output(context, next) {
    const { output: requested, responseFormat } = context.request;
    const format = requested === undefined ? clientFormat(responseFormat) : undefined;
    if (format !== undefined) return clientAnswer(context, next, { settings, format });
    // Another one above it may see to it.
    if (requested === undefined || outputPlanOf(requested) !== undefined) return next();
    return new Answering(context, next, settings, requested).stream();
  }, replayedOutput);
}
