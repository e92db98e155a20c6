import { SluiceError } from '../../src/index.ts';
import { kindOf } from '../../src/kit/index.ts';
import { targetOf } from './references.ts';
import { partUnder } from './schema-keywords.ts';
import type { Part } from './schema-keywords.ts';
import { isRecord } from './values.ts';

/** Which roots of a JSON Schema are taken. */
export type SchemaRoot = 'object' | 'any';

/**
 * A copy of a JSON Schema as it is sent, as the parameters of a tool if the root is an object. Throws `invalid_options`, with the path, for what no wire takes: a root that is no
 * object where one is wanted, values that are not JSON, references to other documents, and references that lead nowhere.
 */
export function sendable(
  what: string,
  schema: unknown,
  root: SchemaRoot = 'object',
): Record<string, unknown> {
  const fail = (path: readonly string[], why: string): never => {
    const place = path.length === 0 ? 'the root of its JSON Schema' : `${path.join('.')} of its JSON Schema`;
    throw new SluiceError('invalid_options', `${what}: ${place} ${why}.`);
  };
  const check = (path: readonly string[], reference: unknown): void => {
    if (typeof reference !== 'string' || !reference.startsWith('#'))
      fail(path, 'refers to another document, which no provider loads');
    else if (targetOf(schema, reference) === undefined)
      fail(
        path,
        `refers to ${JSON.stringify(reference.slice(0, 100))}: write the path of what is meant, such as "#/$defs/name"`,
      );
  };
  const copy = copied(schema, 'schema', [], [], fail, check);
  if (!isRecord(copy)) return fail([], `is ${kindOf(schema)}: give an object`);
  if (root === 'object' && copy['type'] !== 'object')
    return fail([], `is not of type object: put it into a property of an object`);
  const { $schema: _dialect, ...sent } = copy;
  return sent;
}

type Fail = (path: readonly string[], why: string) => never;
type CheckReference = (path: readonly string[], reference: unknown) => void;

function copied(
  value: unknown,
  part: Part,
  path: readonly string[],
  above: readonly unknown[],
  fail: Fail,
  check: CheckReference,
): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : fail(path, `is ${value}`);
  if (typeof value !== 'object') return fail(path, `is ${kindOf(value)}, which JSON does not have`);
  if (above.includes(value)) return fail(path, 'contains itself');
  const inside = [...above, value];
  if (Array.isArray(value))
    return value.map((one: unknown, at) => copied(one, part, [...path, String(at)], inside, fail, check));
  if (!isPlainObject(value)) return fail(path, 'is an object of a class, which JSON does not have');
  const copy: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) {
    if (one === undefined) continue;
    const at = [...path, key];
    if (part === 'schema' && key === '$ref') check(at, one);
    if (key === '__proto__') fail(at, 'cannot be a name');
    copy[key] = copied(one, partUnder(part, key), at, inside, fail, check);
  }
  return copy;
}

function isPlainObject(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || proto === Object.prototype;
}
