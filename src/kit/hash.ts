const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/**
 * 64 bits of a text as letters and digits, at most 13: for ids and for what has to change when a text does. It is FNV-1a over its UTF-16 units, so whoever makes the text can
 * find another one with the same hash.
 *
 * @example
 * const fingerprint = hashOf(JSON.stringify([name, schema]));
 */
export function hashOf(text: string): string {
  let hash = OFFSET;
  for (let at = 0; at < text.length; at++)
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(at))) * PRIME);
  return hash.toString(36);
}
