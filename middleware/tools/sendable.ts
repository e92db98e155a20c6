import { SluiceError } from '../../src/index.ts';
import { kindOf } from '../../src/kit/index.ts';
import { isRecord } from './values.ts';

/** Which roots of a JSON Schema are taken. */
export type SchemaRoot = 'object' | 'any';

/**
 * A copy of a JSON Schema as it is sent, as the parameters of a tool if the root is an object. Throws `invalid_options`, with the path, for what no wire takes: a root that is no
 * object where one is wanted, values that are not JSON, and references to other documents.
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
  const copy = copied(schema, [], [], fail);
  if (!isRecord(copy)) return fail([], `is ${kindOf(schema)}: give an object`);
  if (root === 'object' && copy['type'] !== 'object')
    return fail([], `is not of type object: put it into a property of an object`);
  const { $schema: _dialect, ...sent } = copy;
  return sent;
}

type Fail = (path: readonly string[], why: string) => never;

function copied(value: unknown, path: readonly string[], above: readonly unknown[], fail: Fail): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : fail(path, `is ${value}`);
  if (typeof value !== 'object') return fail(path, `is ${kindOf(value)}, which JSON does not have`);
  if (above.includes(value)) return fail(path, 'contains itself');
  const inside = [...above, value];
  if (Array.isArray(value))
    return value.map((one: unknown, at) => copied(one, [...path, String(at)], inside, fail));
  if (!isPlainObject(value)) return fail(path, 'is an object of a class, which JSON does not have');
  const copy: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) {
    if (one === undefined) continue;
    const at = [...path, key];
    if (key === '$ref' && !(typeof one === 'string' && one.startsWith('#')))
      fail(at, 'refers to another document, which no provider loads');
    if (key === '__proto__') fail(at, 'cannot be a name');
    copy[key] = copied(one, at, inside, fail);
  }
  return copy;
}

function isPlainObject(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || proto === Object.prototype;
}
