/** Whether a value is an object, and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Control characters other than tabs and line ends, marks of direction, and tags: characters that nobody sees but a model. */
const HIDDEN = /[^\P{Cc}\t\n\r]|[\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/gu;

/** Text of a server that is shown to a model or a person: without characters that nobody sees, and cut to a length. */
export function shown(text: string, maxCharacters: number): string {
  const clean = text
    .slice(0, maxCharacters * 4)
    .toWellFormed()
    .replace(HIDDEN, '');
  if (clean.length <= maxCharacters) return clean;
  return `${clean.slice(0, maxCharacters).toWellFormed()} (cut off)`;
}

/** Whether two values of JSON are the same. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, at) => isSame(item, other[at]));
  if (!isRecord(one) || !isRecord(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
  );
}
