import * as z from 'zod';
import { parseOptions } from '../../src/kit/index.ts';

/** How the model is made to answer in the given shape. */
export type OutputMode = 'native' | 'tool' | 'prompt';

/** Options of `output()`. */
export interface OutputOptions {
  /**
   * `native`: the mode of the provider that keeps the answer to a schema. `tool`: the model answers with the call of a tool. `prompt`: the schema is in the prompt, and the answer is
   * found in the text. `auto` takes the first of these that the model has and that fits the request. Default: `auto`.
   */
  mode?: 'auto' | OutputMode | undefined;
  /** How often the model is asked again with what is wrong, if its answer does not match: 0 or 1. Default: 0. */
  repair?: 0 | 1 | undefined;
}

/** The options with their defaults. */
export interface OutputSettings {
  readonly mode: 'auto' | OutputMode;
  readonly repair: number;
}

const schema = z.strictObject({
  mode: z.enum(['auto', 'native', 'tool', 'prompt']).default('auto'),
  repair: z.union([z.literal(0), z.literal(1)], 'give 0 or 1').default(0),
});

/** Checks the options. Throws `invalid_options`. */
export function outputSettings(options: OutputOptions): OutputSettings {
  return parseOptions('output()', schema, options);
}
