import { MAX_DEPTH } from '../../wire/index.ts';

/** How many characters of text a value holds, without the keys. Undefined if it is nested more than 64 deep. */
export function sizeOf(value: unknown, levels = MAX_DEPTH): number | undefined {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  if (levels === 0) return undefined;
  let size = 0;
  for (const inner of Object.values(value)) {
    const more = sizeOf(inner, levels - 1);
    if (more === undefined) return undefined;
    size += more;
  }
  return size;
}

/** Sets a field with an untrusted name. Even `__proto__` becomes a plain field. */
export function define(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}

/**
 * Adds a delta of an unknown type to a block, field by field. Texts are joined, other values are replaced, and null
 * replaces nothing.
 */
export function addDelta(block: Record<string, unknown>, delta: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(delta)) {
    if (name === 'type') continue;
    const before = Object.hasOwn(block, name) ? block[name] : undefined;
    const grows = typeof value === 'string' && typeof before === 'string';
    if (value !== null || before === undefined) define(block, name, grows ? before + value : value);
  }
}
