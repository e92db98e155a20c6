import type { Nulls } from '../../src/index.ts';
import { isList, isRecord } from '../tools/values.ts';
import { resolved, takesNull } from './walk.ts';
import type { Schema } from './walk.ts';

/** The nulls of a schema. In a union, a null is left out if one of the alternatives lets the property be missing and none takes null. */
export class SchemaNulls implements Nulls {
  readonly #root: Schema;
  /** The alternatives of what is at this place. */
  readonly #schemas: readonly Schema[];
  readonly #under = new Map<string | undefined, Nulls | undefined>();
  readonly #drops = new Map<string, boolean>();

  constructor(root: Schema, schemas: readonly Schema[] = [root]) {
    this.#root = root;
    this.#schemas = schemas.flatMap((schema) => alternatives(root, schema));
  }

  drops(key: string): boolean {
    let drops = this.#drops.get(key);
    if (drops === undefined) this.#drops.set(key, (drops = this.#isDropped(key)));
    return drops;
  }

  under(key: string | undefined): Nulls | undefined {
    if (!this.#under.has(key)) {
      const inside = this.#schemas.flatMap((schema) =>
        key === undefined ? itemsOf(schema) : valuesOf(schema, key),
      );
      this.#under.set(key, inside.length === 0 ? undefined : new SchemaNulls(this.#root, inside));
    }
    return this.#under.get(key);
  }

  #isDropped(key: string): boolean {
    let mayBeMissing = false;
    for (const { properties, required } of this.#schemas) {
      const property = isRecord(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (property === true || (isRecord(property) && takesNull(this.#root, property))) return false;
      if (isRecord(property)) mayBeMissing ||= !isList(required) || !required.includes(key);
    }
    return mayBeMissing;
  }
}

function alternatives(root: Schema, given: Schema, depth = 0): Schema[] {
  const schema = resolved(root, given);
  const inside = ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => {
    const list = schema[keyword];
    return isList(list) && depth < 20 ? list.filter(isRecord) : [];
  });
  return [schema, ...inside.flatMap((one) => alternatives(root, one, depth + 1))];
}

function itemsOf({ items, prefixItems }: Schema): Schema[] {
  const first: readonly unknown[] = isList(prefixItems) ? prefixItems : [];
  return [...first, items].filter(isRecord);
}

function valuesOf({ properties, additionalProperties }: Schema, key: string): Schema[] {
  const named =
    isRecord(properties) && Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
  return isRecord(named) ? [named] : [];
}

/** A value without the nulls that stand for nothing. What has none is returned as it is. */
export function withoutNulls(value: unknown, nulls: Nulls | undefined): unknown {
  if (nulls === undefined || typeof value !== 'object' || value === null) return value;
  if (isList(value)) {
    const inside = nulls.under(undefined);
    return inside === undefined ? value : value.map((item: unknown) => withoutNulls(item, inside));
  }
  const entries = Object.entries(value).filter(([key, one]) => one !== null || !nulls.drops(key));
  // Not by assignment: a key `__proto__` is one like any other.
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNulls(one, nulls.under(key))]));
}
