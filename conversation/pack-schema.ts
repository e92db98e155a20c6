import * as z from 'zod';
import type { PromptPack } from './pack-types.ts';

/**
 * The fields of a PromptPack as its JSON Schema 1.9.0 has them (https://promptpack.org/schema/latest/promptpack.schema.json), as far as this library
 * reads them. Every object keeps the fields that are not named here. Where the specification's own examples leave out a field that its schema
 * requires (`required` of a variable), it has a default.
 */

const filled = z.string().min(1);
const version = z
  .string()
  .regex(/^v?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/, 'give a semantic version such as "1.0.0"');
const fields = z.record(z.string(), z.unknown());

const parameters = z.looseObject({
  temperature: z.number().min(0).max(2).optional(),
  max_tokens: z.int().min(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(1).nullable().optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
});

const variable = z.looseObject({
  name: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'give a name of letters, digits and _, not beginning with a digit'),
  /** `string`, `number`, `boolean`, `object` or `array`; the schema leaves it open. */
  type: filled,
  required: z.boolean().default(false),
  default: z.unknown().optional(),
  description: z.string().optional(),
  example: z.unknown().optional(),
  validation: z
    .looseObject({
      pattern: z.string().refine(isPattern, 'give a regular expression').optional(),
      min_length: z.int().min(0).optional(),
      max_length: z.int().min(1).optional(),
      minimum: z.number().optional(),
      maximum: z.number().optional(),
      enum: z.array(z.unknown()).optional(),
    })
    .optional(),
});

const modelOverride = z.looseObject({
  system_template_prefix: z.string().optional(),
  system_template_suffix: z.string().optional(),
  system_template: filled.optional(),
  parameters: parameters.optional(),
});

const toolPolicy = z.looseObject({
  tool_choice: z.enum(['auto', 'required', 'none']).default('auto'),
  max_rounds: z.int().min(1).default(5),
  max_tool_calls_per_turn: z.int().min(1).default(10),
  blocklist: z.array(z.string()).optional(),
});

const validator = z.looseObject({
  id: z.string().optional(),
  type: filled,
  enabled: z.boolean().default(true),
  message: z.string().optional(),
  params: fields.optional(),
});

const prompt = z.looseObject({
  id: z
    .string()
    .regex(
      /^[a-z][a-z0-9_-]*$/,
      'give an id of lower-case letters, digits, - and _, beginning with a letter',
    ),
  name: filled,
  description: z.string().optional(),
  version,
  system_template: filled,
  variables: z.array(variable).optional(),
  parameters: parameters.optional(),
  model_overrides: z.record(z.string(), modelOverride).optional(),
  tools: z.array(z.string()).optional(),
  tool_policy: toolPolicy.optional(),
  validators: z.array(validator).optional(),
});

const tool = z.looseObject({
  name: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'give a name of letters, digits and _, not beginning with a digit'),
  description: filled,
  parameters: z.looseObject({ type: z.literal('object'), properties: fields }).optional(),
});

/** A whole pack. */
export const packSchema: z.ZodType<PromptPack> = z.looseObject({
  $schema: z.string().optional(),
  id: z
    .string()
    .max(100)
    .regex(/^[a-z][a-z0-9-]*$/, 'give an id of lower-case letters, digits and -, beginning with a letter'),
  name: filled.max(200),
  version,
  description: z.string().optional(),
  template_engine: z.looseObject({
    version: z.string(),
    syntax: z.string(),
    features: z.array(z.string()).optional(),
  }),
  prompts: z
    .record(z.string(), prompt)
    .refine((prompts) => Object.keys(prompts).length > 0, 'give at least one prompt'),
  fragments: z.record(z.string(), z.string()).optional(),
  tools: z.record(z.string(), tool).optional(),
  metadata: fields.optional(),
});

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern) instanceof RegExp;
  } catch {
    return false;
  }
}
