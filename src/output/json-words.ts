const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The characters that an escape of one letter stands for. */
export const ESCAPES: Readonly<Partial<Record<string, string>>> = {
  ...{ '"': '"', '\\': '\\', '/': '/', b: '\b' },
  ...{ f: '\f', n: '\n', r: '\r', t: '\t' },
};

/** What a number, `true`, `false` or `null` says; undefined for anything else. */
export function literalOf(token: string): boolean | number | null | undefined {
  if (token === 'true' || token === 'false') return token === 'true';
  if (token === 'null') return null;
  return NUMBER.test(token) ? Number(token) : undefined;
}

/** The character of an escape such as `\u00e9`. */
export function unicodeOf(escape: string): string | undefined {
  const digits = escape.slice(2);
  return /^[\da-fA-F]{4}$/.test(digits) ? String.fromCharCode(Number.parseInt(digits, 16)) : undefined;
}

/** Whether a character is the first half of one. */
export function isHigh(char: string): boolean {
  const code = char.charCodeAt(0);
  return code >= 0xd800 && code <= 0xdbff;
}

/** Whether a character is one of a number or a word: letters, digits, `+`, `-` and `.`. */
export function isOfLiteral(char: number): boolean {
  return (
    (char >= 0x30 && char <= 0x39) ||
    (char >= 0x61 && char <= 0x7a) ||
    (char >= 0x41 && char <= 0x5a) ||
    char === 0x2b ||
    char === 0x2d ||
    char === 0x2e
  );
}

/** Whether a value is an object or array with nothing in it. */
export function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  for (const _key in value) return false;
  return true;
}

/** Sets a key. Not by assignment: a key `__proto__` is one like any other. */
export function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
