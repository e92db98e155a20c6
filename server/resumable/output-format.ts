import { SluiceError } from '../../src/index.ts';
import type { OutputSchema, ResponseFormat } from '../../src/index.ts';
import { isRecord } from '../requests/read.ts';

/**
 * The format of an answer that is checked against the JSON Schema of a schema, as plain data: another process may run the turn. Throws `invalid_options` if the schema makes none.
 */
export function outputFormat(schema: OutputSchema): ResponseFormat {
  const made = jsonSchemaOf(schema);
  if (!isRecord(made)) throw refused('give a schema that makes a JSON Schema, or { jsonSchema }');
  const { $schema: _dialect, ...sent } = made;
  return { type: 'json_schema', name: 'answer', schema: sent, dialect: 'other' };
}

function jsonSchemaOf(schema: unknown): unknown {
  // ArkType's schemas are functions.
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return undefined;
  const standard: unknown = Reflect.get(schema, '~standard');
  if (!isRecord(standard)) return Reflect.get(schema, 'jsonSchema');
  const { jsonSchema: maker } = standard;
  if (!isRecord(maker) || typeof maker['input'] !== 'function') return undefined;
  try {
    return Reflect.apply(maker['input'], maker, [{ target: 'draft-2020-12' }]);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : 'it makes no JSON Schema', error);
  }
}

function refused(why: string, cause?: unknown): SluiceError {
  return new SluiceError('invalid_options', `resumable(): output cannot be kept in a log: ${why}.`, {
    cause,
  });
}
