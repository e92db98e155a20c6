/** The path of the first value that JSON or a structured clone would lose, change or refuse; undefined if everything is plain data. */
export function plainFault(value: unknown, above: readonly unknown[] = []): string[] | undefined {
  if (typeof value !== 'object' || value === null) return isPlain(value) ? undefined : [];
  const proto: unknown = Object.getPrototypeOf(value);
  if (above.includes(value) || !(Array.isArray(value) || proto === null || proto === Object.prototype))
    return [];
  for (const [key, inner] of Object.entries(value)) {
    const fault = plainFault(inner, [...above, value]);
    if (fault !== undefined) return [key, ...fault];
  }
  return undefined;
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value);
}

/** The same copy of a value as `JSON.parse(JSON.stringify(value))`, mostly without creating the text. Throws what `JSON.stringify` throws. */
export function jsonCopy<T>(value: T): T;
export function jsonCopy(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : null; // -0 is 0
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value !== 'object') return viaText(value);
  if (Array.isArray(value)) return value.map((inner: unknown) => jsonCopy(inner) ?? null);
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return viaText(value);
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const copied: unknown = jsonCopy(inner);
    if (copied === undefined) continue;
    // Not by assignment, which would set the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { ...OWN, value: copied });
    else copy[key] = copied;
  }
  return copy;
}

const OWN: PropertyDescriptor = { writable: true, enumerable: true, configurable: true };

function viaText(value: unknown): unknown {
  const text: string | undefined = JSON.stringify(value);
  const copy: unknown = text === undefined ? undefined : JSON.parse(text);
  return copy;
}
