import type { StandardJSONSchemaV1 } from '@standard-schema/spec';
import type { OutputSchema } from './schema.ts';

/** The texts of the schemas that are in use. */
const known = new WeakMap<OutputSchema, string>();

/** About what is sent of a schema, as JSON, for estimates. `''` if it has no JSON Schema: it cannot be asked for. */
export function schemaText(schema: OutputSchema): string {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const text = written(schema);
  known.set(schema, text);
  return text;
}

function written(schema: OutputSchema): string {
  try {
    const { $schema: _dialect, ...sent } = jsonSchemaOf(schema);
    return JSON.stringify(sent);
  } catch {
    // The layer that asks for it says what is wrong.
    return '';
  }
}

function jsonSchemaOf(schema: OutputSchema): Record<string, unknown> {
  if (!('~standard' in schema)) return schema.jsonSchema;
  const standard: Partial<StandardJSONSchemaV1['~standard']> = schema['~standard'];
  if (standard.jsonSchema === undefined) throw new Error('It makes no JSON Schema.');
  return standard.jsonSchema.input({ target: 'draft-2020-12' });
}
