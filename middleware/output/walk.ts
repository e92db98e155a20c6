import { targetOf } from '../tools/references.ts';
import { LIST, NAMED, ONE } from '../tools/schema-keywords.ts';
import { isList, isRecord } from '../tools/values.ts';

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

/** The schema under a local reference, if there is one. */
export function referred(root: Schema, ref: unknown): Schema | undefined {
  const target = typeof ref === 'string' ? targetOf(root, ref) : undefined;
  return isRecord(target) ? target : undefined;
}

/** A schema, or what it refers to. References are followed to their end; a circle of nothing but references has none. */
export function resolved(root: Schema, schema: Schema): Schema {
  let at = schema;
  for (let steps = 0; typeof at['$ref'] === 'string' && steps < 100; steps++) {
    const next = referred(root, at['$ref']);
    if (next === undefined) break;
    at = next;
  }
  return at;
}

/** The schemas directly in a schema, with the keyword that each is under. */
export function* childrenOf(schema: Schema): Generator<{ keyword: string; path: string[]; child: Schema }> {
  for (const keyword of ONE) {
    const child = schema[keyword];
    if (isRecord(child)) yield { keyword, path: [keyword], child };
  }
  for (const keyword of LIST) {
    const list = schema[keyword];
    if (!isList(list)) continue;
    for (const [at, child] of list.entries())
      if (isRecord(child)) yield { keyword, path: [keyword, String(at)], child };
  }
  for (const keyword of NAMED) {
    const named = schema[keyword];
    if (!isRecord(named)) continue;
    for (const [name, child] of Object.entries(named))
      if (isRecord(child)) yield { keyword, path: [keyword, name], child };
  }
}

/** A copy of a schema with others in place of the schemas directly in it. Of its keywords it has those for which `keeps` returns true. */
export function withChildren(
  schema: Schema,
  keeps: (keyword: string) => boolean,
  change: (child: Schema) => unknown,
): Record<string, unknown> {
  const one = (child: unknown): unknown => (isRecord(child) ? change(child) : child);
  const changed = (keyword: string, value: unknown): unknown => {
    if (ONE.includes(keyword)) return one(value);
    if (LIST.includes(keyword)) return isList(value) ? value.map(one) : value;
    if (!NAMED.includes(keyword) || !isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, one(child)]));
  };
  const kept = Object.entries(schema).filter(([keyword]) => keeps(keyword));
  return Object.fromEntries(kept.map(([keyword, value]) => [keyword, changed(keyword, value)]));
}

/** The types that a schema names. */
export function typesOf({ type }: Schema): readonly unknown[] {
  return isList(type) ? type : type === undefined ? [] : [type];
}

/** Whether a schema takes null. One that says nothing takes everything. */
export function takesNull(root: Schema, given: Schema, depth = 0): boolean {
  const schema = resolved(root, given);
  if (depth > 20) return false;
  const types = typesOf(schema);
  if (types.length > 0 && !types.includes('null')) return false;
  if (isList(schema['enum'])) return schema['enum'].includes(null);
  if ('const' in schema) return schema['const'] === null;
  const inside = (one: unknown): boolean =>
    one === true || (isRecord(one) && takesNull(root, one, depth + 1));
  for (const keyword of ['anyOf', 'oneOf']) {
    const list = schema[keyword];
    if (isList(list) && !list.some(inside)) return false;
  }
  return !isList(schema['allOf']) || schema['allOf'].every(inside);
}
