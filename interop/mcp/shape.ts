import { LISTS, MAPS, SCHEMAS } from './keywords.ts';
import { UnusableSchema } from './references.ts';
import { isRecord } from './values.ts';

const TEXTS: ReadonlySet<string> = new Set(['title', 'description', 'format', 'pattern', '$ref', '$id']);

/** Throws {@link UnusableSchema} if a keyword has a value that it cannot have: a provider would refuse the whole request because of it. */
export function checkShape(schema: unknown, path: readonly string[] = []): void {
  if (typeof schema === 'boolean') return;
  if (!isRecord(schema)) throw wrong(path, 'a schema');
  for (const [key, value] of Object.entries(schema)) checkKeyword(key, value, [...path, key]);
}

function checkKeyword(key: string, value: unknown, path: readonly string[]): void {
  if (TEXTS.has(key)) {
    if (typeof value !== 'string') throw wrong(path, 'text');
  } else if (key === 'required' || (key === 'type' && Array.isArray(value))) {
    if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
      throw wrong(path, 'a list of texts');
  } else if (key === 'type') {
    if (typeof value !== 'string') throw wrong(path, 'text');
  } else if (key === 'enum') {
    if (!Array.isArray(value)) throw wrong(path, 'a list');
  } else if (MAPS.has(key)) {
    if (!isRecord(value)) throw wrong(path, 'an object');
    for (const [name, one] of Object.entries(value)) checkShape(one, [...path, name]);
  } else if (LISTS.has(key) || (key === 'items' && Array.isArray(value))) {
    if (!Array.isArray(value)) throw wrong(path, 'a list');
    value.forEach((one, at) => checkShape(one, [...path, String(at)]));
  } else if (SCHEMAS.has(key) || key === 'items') checkShape(value, path);
}

function wrong(path: readonly string[], expected: string): UnusableSchema {
  const place =
    path.length === 0 ? 'its schema' : `${path.slice(0, 8).join('.').slice(0, 100)} of its schema`;
  return new UnusableSchema(`${place} is not ${expected}`);
}
