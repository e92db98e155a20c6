import type { ModelRequest, SchemaDialect } from '../../src/index.ts';
import { isList, isRecord } from '../tools/values.ts';
import { childrenOf, resolved, typesOf } from './walk.ts';
import type { Schema } from './walk.ts';

/** What a server counts over all schemas of one request that it keeps an answer to: that of the answer and those of strict tools. */
export interface SchemaCounts {
  strictTools: number;
  /** Properties that may be missing. */
  optional: number;
  /** Schemas with `anyOf`, or with several types. */
  unions: number;
  properties: number;
  /** How deep objects and arrays are nested. */
  levels: number;
  enumValues: number;
  /** Of the names of properties and definitions, and of the values of `enum` and `const`. */
  nameCharacters: number;
  /** Of the values of the longest `enum` with more than 250 of them. */
  enumCharacters: number;
}

/**
 * How much each server takes.
 *
 * Sources: https://platform.claude.com/docs/en/build-with-claude/structured-outputs, "Schema complexity limits" (a copy of September 2026), and OpenAI's guide "Structured outputs", "Supported schemas" (copies;
 * older ones have lower numbers). Cerebras had limits in 2025; whether it still has is not verified, so none is counted.
 */
export const LIMITS: Readonly<Partial<Record<SchemaDialect, Partial<SchemaCounts>>>> = {
  anthropic: { strictTools: 20, optional: 24, unions: 16 },
  openai: {
    properties: 5_000,
    levels: 10,
    enumValues: 1_000,
    nameCharacters: 120_000,
    enumCharacters: 15_000,
  },
};

const NAMES: Readonly<Record<keyof SchemaCounts, string>> = {
  strictTools: 'strict tools',
  optional: 'properties that may be missing',
  unions: 'unions',
  properties: 'properties',
  levels: 'levels of objects and arrays',
  enumValues: 'values of enum',
  nameCharacters: 'characters of names and of values of enum',
  enumCharacters: 'characters of the values of one enum',
};

/** What of a request is above the limits of its server, in words; undefined if nothing is. `schema` is that of the answer, if the server keeps to it. */
export function aboveLimits(
  dialect: SchemaDialect,
  { tools = [] }: Pick<ModelRequest, 'tools'>,
  schema: Schema | undefined,
): string | undefined {
  const limits = LIMITS[dialect];
  if (limits === undefined) return undefined;
  const strict = tools.filter((tool) => tool.strict === true).map(({ parameters }) => parameters);
  const counts = countsOf(schema === undefined ? strict : [...strict, schema]);
  counts.strictTools = strict.length;
  const keys = Object.keys(NAMES).filter((key): key is keyof SchemaCounts => Object.hasOwn(limits, key));
  const above = keys.filter((key) => counts[key] > (limits[key] ?? Number.POSITIVE_INFINITY));
  if (above.length === 0) return undefined;
  const said = above.map((key) => `${counts[key]} ${NAMES[key]}, of which ${limits[key] ?? 0} are taken`);
  return `the request has ${said.join('; ')}`;
}

/** Counts what the limits are about. */
function countsOf(schemas: readonly Schema[]): SchemaCounts {
  const counts: SchemaCounts = {
    ...{ strictTools: 0, optional: 0, unions: 0, properties: 0 },
    ...{ levels: 0, enumValues: 0, nameCharacters: 0, enumCharacters: 0 },
  };
  for (const schema of schemas) {
    count(schema, counts);
    counts.levels = Math.max(counts.levels, levelsOf(schema, schema, new Set()));
  }
  return counts;
}

function count(schema: Schema, counts: SchemaCounts): void {
  const { properties, required, anyOf } = schema;
  if (isRecord(properties)) {
    const names = Object.keys(properties);
    const needed: readonly unknown[] = isList(required) ? required : [];
    counts.properties += names.length;
    counts.optional += names.filter((name) => !needed.includes(name)).length;
    counts.nameCharacters += lengthOf(names);
  }
  for (const keyword of ['$defs', 'definitions']) {
    const named = schema[keyword];
    if (isRecord(named)) counts.nameCharacters += lengthOf(Object.keys(named));
  }
  if (isList(anyOf) || typesOf(schema).length > 1) counts.unions++;
  if (isList(schema['enum'])) countEnum(schema['enum'], counts);
  if (typeof schema['const'] === 'string') counts.nameCharacters += schema['const'].length;
  for (const { child } of childrenOf(schema)) count(child, counts);
}

function countEnum(values: readonly unknown[], counts: SchemaCounts): void {
  const characters = lengthOf(values);
  counts.enumValues += values.length;
  counts.nameCharacters += characters;
  if (values.length > 250) counts.enumCharacters = Math.max(counts.enumCharacters, characters);
}

function lengthOf(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 0), 0);
}

/** How deep objects and arrays are nested. A schema that refers to itself counts once. */
function levelsOf(root: Schema, given: Schema, above: ReadonlySet<Schema>): number {
  const schema = resolved(root, given);
  if (above.has(schema)) return 0;
  const inside = new Set(above).add(schema);
  let deepest = 0;
  for (const { keyword, child } of childrenOf(schema)) {
    if (keyword !== '$defs' && keyword !== 'definitions')
      deepest = Math.max(deepest, levelsOf(root, child, inside));
  }
  const types = typesOf(schema);
  return deepest + (types.includes('object') || types.includes('array') ? 1 : 0);
}
