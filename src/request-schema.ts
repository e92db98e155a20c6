import * as z from 'zod';

const text = z.string().min(1);
const jsonSchema = z.record(z.string(), z.unknown(), 'a JSON Schema as an object');

const providerOptions = z.record(z.string(), z.record(z.string(), z.unknown(), 'an object of fields'));

/** A tool, exactly as in `ToolDefinition`. Providers translate it to their wires. */
export const toolSchema = z.strictObject({
  name: text,
  description: z.string().optional(),
  parameters: jsonSchema,
  strict: z.boolean().optional(),
  providerOptions: providerOptions.optional(),
});

/** The shapes of `ResponseFormat`. */
export const responseFormatSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: text,
    schema: jsonSchema,
    description: z.string().optional(),
    strict: z.boolean().optional(),
    dialect: z.enum(['openai', 'anthropic', 'other']).optional(),
  }),
]);

const place = z.union([z.literal('tools'), z.literal('system'), z.int()]);
const breakpoint = z.union([place, z.strictObject({ at: place, ttl: z.enum(['5m', '1h']).optional() })]);

/** The fields of `Parameters`. Ranges are not checked here, because they differ between providers. */
export const parametersSchema = z.strictObject({
  temperature: z.number().optional(),
  topP: z.number().optional(),
  maxTokens: z.int().min(1).optional(),
  stopSequences: z.array(text).optional(),
  seed: z.int().optional(),
  frequencyPenalty: z.number().optional(),
  presencePenalty: z.number().optional(),
  toolChoice: z
    .union(
      [z.enum(['auto', 'none', 'required']), z.strictObject({ name: text })],
      'give "auto", "none", "required" or { name }',
    )
    .optional(),
  parallelToolCalls: z.boolean().optional(),
  reasoning: z
    .strictObject({
      effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).optional(),
      budgetTokens: z.int().min(0).optional(),
      summary: z.enum(['auto', 'concise', 'detailed']).optional(),
    })
    .optional(),
  promptCache: z
    .union(
      [z.literal('auto'), z.array(breakpoint)],
      'give "auto" or an array of "tools", "system", the index of a message, or { at, ttl }',
    )
    .optional(),
  providerOptions: providerOptions.optional(),
  includeRaw: z.boolean().optional(),
  strict: z.boolean().optional(),
});
