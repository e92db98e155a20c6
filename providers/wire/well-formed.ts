/**
 * A request's body without half characters: in every string of it, keys included, a surrogate that stands alone becomes U+FFFD.
 * A server that reads UTF-8 refuses the whole request for one of them. What has none is the same object.
 */
export function wellFormed<T>(value: T): T {
  return isWellFormed(value) ? value : cleaned(value);
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (!isPlain(value)) return true;
  for (const key in value) if (!key.isWellFormed() || !isWellFormed(value[key])) return false;
  return true;
}

function cleaned<T>(value: T): T;
function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return cleanedList(value);
  if (!isPlain(value)) return value;
  const entries = Object.entries(value);
  const clean = entries.map(([key, inner]) => [key.toWellFormed(), cleaned(inner)] as const);
  const isSame = clean.every(([key, inner], at) => key === entries[at]?.[0] && inner === entries[at]?.[1]);
  // Not by assignment: a key `__proto__` is a field as any other.
  return isSame ? value : Object.fromEntries(clean);
}

function cleanedList(list: readonly unknown[]): readonly unknown[] {
  const clean = list.map((inner) => cleaned(inner));
  return clean.every((inner, index) => inner === list[index]) ? list : clean;
}

/** Anything else says for itself how it is written as JSON. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}
