import { isList, isRecord } from '../tools/values.ts';
import { resolved } from './walk.ts';
import type { Schema } from './walk.ts';

/** An object schema with what its `allOf` says. Undefined if the two cannot be put together without a change of the meaning. */
export function merged(root: Schema, schema: Schema, depth = 0): Schema | undefined {
  const { allOf, ...rest } = schema;
  if (!isList(allOf) || depth > 20) return undefined;
  let whole: Schema = rest;
  for (const one of allOf) {
    if (one === true) continue;
    if (!isRecord(one)) return undefined;
    const target = resolved(root, one);
    const part = isList(target['allOf']) ? merged(root, target, depth + 1) : target;
    const both = part === undefined ? undefined : mergedTwo(whole, part);
    if (both === undefined) return undefined;
    whole = both;
  }
  return whole;
}

function mergedTwo(one: Schema, other: Schema): Schema | undefined {
  const both: Record<string, unknown> = { ...one };
  for (const [keyword, value] of Object.entries(other)) {
    const before = both[keyword];
    if (before === undefined || JSON.stringify(before) === JSON.stringify(value)) both[keyword] = value;
    else if (keyword === 'required' && isList(before) && isList(value))
      both[keyword] = [...new Set<unknown>([...before, ...value])];
    else if (keyword === 'properties' && isRecord(before) && isRecord(value)) {
      const isApart = Object.keys(value).every((name) => !Object.hasOwn(before, name));
      if (!isApart) return undefined;
      both[keyword] = { ...before, ...value };
    } else if (keyword === 'description' || keyword === 'title') continue;
    else if (keyword === 'additionalProperties') {
      // Each side of the two closes the object for the properties of the other. Libraries mean both sets.
      if (before !== false && value !== false) return undefined;
      both[keyword] = false;
    } else return undefined;
  }
  return both;
}
