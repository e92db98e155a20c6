import { SluiceError } from '../../src/index.ts';
import type { ElementCheck } from '../../src/index.ts';
import { checkBy, checkByJsonSchema, isLibrarySchema } from '../tools/schema.ts';
import type { Check } from '../tools/schema.ts';
import { isRecord } from '../tools/values.ts';
import type { PreparedOutput } from './prepared.ts';
import { resolved } from './walk.ts';

/** Makes the check of the elements of one array: of the array under a key, or of the answer itself. Throws `invalid_options` if there is none. */
export function elementCheck({ schema, jsonSchema }: PreparedOutput, key: string | undefined): ElementCheck {
  const own = elementIn(schema, key);
  const check = own === undefined ? checkOfJson(jsonSchema, key) : checkBy(own);
  return async (element) => {
    const checked = await check(element);
    return 'value' in checked ? { value: checked.value } : undefined;
  };
}

/** The schema of the elements as the library has it; undefined if the library does not tell. */
function elementIn(schema: unknown, key: string | undefined): Parameters<typeof checkBy>[0] | undefined {
  const whole = inner(schema);
  const list = key === undefined ? whole : inner(propertyOf(whole, key));
  const element = fieldOf(defOf(list), 'element') ?? fieldOf(list, 'item');
  return isLibrarySchema(element) ? element : undefined;
}

/** Looks through what zod and Valibot put around a schema: what may be missing, defaults, transforms. */
function inner(schema: unknown): unknown {
  let at = schema;
  for (let depth = 0; depth < 50; depth++) {
    const def = defOf(at);
    const getter = fieldOf(def, 'getter') ?? fieldOf(at, 'getter');
    const around = fieldOf(def, 'innerType') ?? fieldOf(def, 'in') ?? fieldOf(at, 'wrapped');
    if (around === undefined && typeof getter !== 'function') return at;
    at = around ?? (typeof getter === 'function' ? Reflect.apply(getter, undefined, []) : undefined);
  }
  return undefined;
}

function propertyOf(schema: unknown, key: string): unknown {
  const shape = fieldOf(defOf(schema), 'shape') ?? fieldOf(schema, 'entries');
  return fieldOf(shape, key);
}

/** What zod knows of a schema. */
function defOf(schema: unknown): unknown {
  return fieldOf(fieldOf(schema, '_zod'), 'def');
}

function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Reflect.has(value, key)) return undefined;
  const field: unknown = Reflect.get(value, key);
  return field;
}

/** The check of a library that does not tell the schemas inside, or of a JSON Schema: by the JSON Schema. */
function checkOfJson(root: Readonly<Record<string, unknown>>, key: string | undefined): Check {
  const whole = resolved(root, root);
  const { properties } = whole;
  const property = key === undefined ? whole : isRecord(properties) ? properties[key] : undefined;
  const list = isRecord(property) ? resolved(root, property) : undefined;
  if (list?.['type'] !== 'array') {
    const what = key === undefined ? 'the output' : JSON.stringify(key);
    throw new SluiceError('invalid_options', `elements(): ${what} is not an array in the schema.`);
  }
  const items = isRecord(list['items']) ? list['items'] : {};
  const { $defs, definitions } = root;
  return checkByJsonSchema('options.output', {
    ...items,
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
  });
}
