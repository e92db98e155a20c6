import * as z from 'zod';
import type { PromptPack } from './pack-types.ts';
import { patternFault, valueSchema } from './variables.ts';

/**
 * The fields of a PromptPack that this library reads, by its JSON Schema 1.9.0 (https://promptpack.org/schema/latest/promptpack.schema.json). Every
 * object keeps the fields that are not named here. If the specification's own examples leave out a field that its schema requires (`required` of a
 * variable), the field has a default.
 */

const filled = z.string().min(1);
const text = z.string().refine(isWellFormed, 'give well-formed text: it contains half a surrogate pair');
const template = text.min(1);
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

const validation = z
  .looseObject({
    pattern: z.string().superRefine(checkPattern).optional(),
    min_length: z.int().min(0).optional(),
    max_length: z.int().min(1).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    enum: z.array(z.unknown()).optional(),
  })
  .superRefine(({ min_length, max_length, minimum, maximum }, context) => {
    for (const [field, least, most] of [
      ['max_length', min_length, max_length],
      ['maximum', minimum, maximum],
    ] as const) {
      if (least === undefined || most === undefined || least <= most) continue;
      context.addIssue({ code: 'custom', path: [field], message: `give a number of at least ${least}` });
    }
  });

const variable = z
  .looseObject({
    name: z
      .string()
      .regex(
        /^[a-zA-Z_][a-zA-Z0-9_]*$/,
        'give a name of letters, digits and _ that does not begin with a digit',
      ),
    /** `string`, `number`, `boolean`, `object` or `array`. The schema allows any other type, too. */
    type: filled,
    required: z.boolean().default(false),
    default: z.unknown().optional(),
    description: z.string().optional(),
    example: z.unknown().optional(),
    validation: validation.optional(),
  })
  .superRefine((declared, context) => {
    const value = valueSchema(declared);
    if (declared.validation?.enum?.some((item) => value.safeParse(item).success) === false) {
      const message = `give at least one value that is of type ${declared.type} and satisfies the other rules`;
      context.addIssue({ code: 'custom', path: ['validation', 'enum'], message });
    }
    if (declared.default === undefined) return;
    if (declared.default === null) {
      const message = 'leave it out if there is no default';
      context.addIssue({ code: 'custom', path: ['default'], message });
      return;
    }
    for (const { path, message } of value.safeParse(declared.default).error?.issues ?? [])
      context.addIssue({ code: 'custom', path: ['default', ...path], message });
  });

const variables = z.array(variable).superRefine((all, context) => {
  const names = all.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    const message = 'give a name that no other variable of the prompt has';
    context.addIssue({ code: 'custom', path: [index, 'name'], message });
  }
});

const modelOverride = z.looseObject({
  system_template_prefix: text.optional(),
  system_template_suffix: text.optional(),
  system_template: template.optional(),
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
      'give an id of lowercase letters, digits, - and _ that begins with a letter',
    ),
  name: filled,
  description: z.string().optional(),
  version,
  system_template: template,
  variables: variables.optional(),
  parameters: parameters.optional(),
  model_overrides: z.record(z.string(), modelOverride).optional(),
  tools: z.array(z.string()).optional(),
  tool_policy: toolPolicy.optional(),
  validators: z.array(validator).optional(),
});

const tool = z.looseObject({
  name: z
    .string()
    .regex(
      /^[a-zA-Z_][a-zA-Z0-9_]*$/,
      'give a name of letters, digits and _ that does not begin with a digit',
    ),
  description: filled,
  parameters: z.looseObject({ type: z.literal('object'), properties: fields }).optional(),
});

/** A whole pack. */
export const packSchema: z.ZodType<PromptPack> = z.looseObject({
  $schema: z.string().optional(),
  id: z
    .string()
    .max(100)
    .regex(/^[a-z][a-z0-9-]*$/, 'give an id of lowercase letters, digits and - that begins with a letter'),
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
  fragments: z.record(z.string(), text).optional(),
  tools: z.record(z.string(), tool).optional(),
  metadata: fields.optional(),
});

function isWellFormed(given: string): boolean {
  return given.isWellFormed();
}

function checkPattern(pattern: string, context: z.RefinementCtx): void {
  const message = patternFault(pattern);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
}
