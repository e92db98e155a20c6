/** The place of the first value that JSON or a structured clone would lose, change or refuse; undefined where all is plain data. */
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
