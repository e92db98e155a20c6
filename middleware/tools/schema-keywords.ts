/** Keywords with one schema in them. */
export const ONE: readonly string[] = [
  ...['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'],
  ...['unevaluatedItems', 'unevaluatedProperties', 'contentSchema'],
];
/** Keywords with a list of schemas. */
export const LIST: readonly string[] = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
/** Keywords with schemas by names. */
export const NAMED: readonly string[] = [
  ...['properties', '$defs', 'definitions', 'patternProperties', 'dependentSchemas'],
];

/** What a part of a JSON Schema is: a schema or a list of them, schemas by names, or values that only look like one, such as those of `enum`. */
export type Part = 'schema' | 'names' | 'data';

const PARTS: ReadonlyMap<string, Part> = new Map<string, Part>([
  // Of drafts before 2020-12.
  ['additionalItems', 'schema'],
  ['dependencies', 'names'],
  ...[...ONE, ...LIST].map((keyword): [string, Part] => [keyword, 'schema']),
  ...NAMED.map((keyword): [string, Part] => [keyword, 'names']),
]);

/** What is under a key of a part. The same name may be a keyword, a name or data. */
export function partUnder(part: Part, key: string): Part {
  if (part === 'names') return 'schema';
  return part === 'schema' ? (PARTS.get(key) ?? 'data') : 'data';
}
