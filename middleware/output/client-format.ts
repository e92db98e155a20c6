import { SluiceError, isSluiceError } from '../../src/index.ts';
import type { ResponseFormat } from '../../src/index.ts';
import { checkByJsonSchema } from '../tools/schema.ts';
import type { Check } from '../tools/schema.ts';
import { sendable } from '../tools/sendable.ts';
import { isList, isRecord } from '../tools/values.ts';
import { DIALECTS } from './dialects.ts';
import { UNCHECKED, conversions, preparedOutput } from './prepared.ts';
import type { PreparedOutput } from './prepared.ts';
import { childrenOf, resolved, withChildren } from './walk.ts';
import type { Schema } from './walk.ts';

type JsonFormat = Extract<ResponseFormat, { type: 'json_schema' }>;

/** A format whose answer is read as text: of the client of a gateway, or of a turn in a log. */
export interface ClientFormat {
  /** Whose API it is written for. */
  readonly dialect: 'openai' | 'anthropic' | 'other';
  /** The format as it came, which a provider of that API is sent. */
  readonly sent: JsonFormat;
  /** Whether the client relies on the answer to match. Otherwise it gets also one that does not. */
  readonly isStrict: boolean;
  readonly output: PreparedOutput;
}

/** What was prepared of the formats that are in use. */
const known = new WeakMap<ResponseFormat, ClientFormat>();

/** The format, if it comes from a client and says anything of the answer. Throws `invalid_request` if its schema cannot be used. */
export function clientFormat(format: ResponseFormat | undefined): ClientFormat | undefined {
  if (format?.type !== 'json_schema' || format.dialect === undefined) return undefined;
  const before = known.get(format);
  if (before !== undefined) return before;
  const { dialect, ...sent } = format;
  if (Object.keys(sent.schema).length === 0) return undefined;
  const isStrict = dialect !== 'openai' || sent.strict === true;
  // The application's own schema needs no care.
  const output = dialect === 'other' ? preparedOutput({ jsonSchema: sent.schema }) : prepared(sent);
  const made = { dialect, sent, isStrict, output };
  known.set(format, made);
  return made;
}

function prepared({ schema, description }: JsonFormat): PreparedOutput {
  try {
    const described = description === undefined ? schema : { description, ...schema };
    const jsonSchema = sendable('The schema of the answer', described, 'any');
    requireSmall(jsonSchema);
    const check = carefulCheck(jsonSchema);
    return {
      schema: { jsonSchema },
      jsonSchema,
      check,
      for: conversions(jsonSchema, (one) => CHECKED.has(one)),
    };
  } catch (error) {
    if (isSluiceError(error) && error.code === 'invalid_request') throw error;
    const why = isSluiceError(error) ? error.message : 'The schema of the answer cannot be read.';
    throw new SluiceError('invalid_request', why, { cause: error });
  }
}

/** The most schemas on all ways through the references of a schema. */
const MOST = 10_000;
/** The deepest way. */
const DEEPEST = 100;

/** Refuses a schema whose references make it grow far beyond its text: whatever walks through it would take too long. */
function requireSmall(root: Schema): void {
  const above = new Set<Schema>();
  let left = MOST;
  const visit = (given: Schema): void => {
    const schema = resolved(root, given);
    if (above.has(schema)) return;
    if (--left < 0 || above.size > DEEPEST)
      throw new SluiceError('invalid_request', 'The schema of the answer is too large: make it simpler.');
    above.add(schema);
    for (const { child } of childrenOf(schema)) visit(child);
    above.delete(schema);
  };
  visit(root);
}

/**
 * What an answer is checked against. Not `pattern` and `uniqueItems`: whoever writes the schema has a say in the answer, too, and could find two that keep the process busy for long.
 */
const CHECKED: ReadonlySet<string> = new Set(
  [...DIALECTS.other.keywords].filter(
    (keyword) =>
      !['pattern', 'patternProperties', 'uniqueItems'].includes(keyword) && !UNCHECKED.has(keyword),
  ),
);
/** What is in each schema. */
const ALWAYS: ReadonlySet<string> = new Set([
  ...['type', 'properties', 'required', 'items', 'enum', 'anyOf', '$ref', '$defs', 'definitions'],
]);
const FORMATS = DIALECTS.openai.formats ?? new Set();

/** How much work a check may be: a schema that is compared with a value counts 20, and each of its names and values 1. */
const WORK = { least: 1_000_000, forCharacter: 100, schema: 20 } as const;

/** Checks answers with the schema of a client, and gives up when it takes too long. */
function carefulCheck(jsonSchema: Schema): Check {
  let left = 0;
  const spend = (work: number): void => {
    left -= work;
    if (left < 0)
      throw new SluiceError(
        'invalid_request',
        'The answer takes too long to check: make the schema simpler.',
      );
  };
  const check = checkByJsonSchema('The schema of the answer', counted(jsonSchema, spend));
  return async (value) => {
    left = WORK.least + WORK.forCharacter * (JSON.stringify(value) ?? '').length;
    try {
      return await check(value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new SluiceError('invalid_request', 'The answer cannot be checked: make the schema simpler.');
    }
  };
}

/** A copy of a schema that says when it is compared with a value. */
function counted(schema: Schema, spend: (work: number) => void): Record<string, unknown> {
  const { type, format, properties, required } = schema;
  const isOpen = 'patternProperties' in schema;
  const keeps = (keyword: string): boolean => {
    if (keyword === 'format') return typeof format === 'string' && FORMATS.has(format);
    // What it says depends on the patterns.
    if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') return !isOpen;
    return CHECKED.has(keyword) || ALWAYS.has(keyword);
  };
  const copy = withChildren(schema, keeps, (child) => counted(child, spend));
  const names = [required, schema['enum']].map((list) => (isList(list) ? list.length : 0));
  const work = WORK.schema + sum(names) + (isRecord(properties) ? Object.keys(properties).length : 0);
  // Each comparison reads the type.
  return Object.defineProperty(copy, 'type', {
    enumerable: true,
    get() {
      spend(work);
      return type;
    },
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
