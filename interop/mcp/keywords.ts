/** Maps of names to schemas. */
export const MAPS: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
]);

/** Keywords with one schema. */
export const SCHEMAS: ReadonlySet<string> = new Set([
  'additionalProperties',
  'additionalItems',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
]);

/** Keywords with a list of schemas. */
export const LISTS: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);

/** What a part of a schema is: a schema or a list of them, schemas by names, or values that only look like one, such as those of `enum`. */
export type Part = 'schema' | 'names' | 'data';

/** What is under a key of a part. The same name may be a keyword, a name or data. */
export function partUnder(part: Part, key: string): Part {
  if (part === 'names') return 'schema';
  if (part === 'data') return 'data';
  if (MAPS.has(key) || key === 'dependencies') return 'names';
  return SCHEMAS.has(key) || LISTS.has(key) || key === 'items' ? 'schema' : 'data';
}
