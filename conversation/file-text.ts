import { SluiceError } from '../src/index.ts';

const REPLACEMENT = '\uFFFD';

/**
 * The text of a UTF-8 file, without its byte order mark. `name` is the name of the file in errors.
 *
 * Throws `invalid_options` that names the first wrong byte. Otherwise a text with U+FFFD instead of the real characters would be sent silently.
 */
export function textOfBytes(bytes: Uint8Array, name: string): string {
  if (isUtf16(bytes)) throw new SluiceError('invalid_options', `${name} is in UTF-16: save it in UTF-8.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const at = wrongByte(bytes);
    throw new SluiceError('invalid_options', `${name} is not in UTF-8 (at byte ${at}): save it in UTF-8.`);
  }
}

/** Recognized by the byte order mark, or by the zero that JSON in UTF-16 has in one of its first two bytes. */
function isUtf16([first, second]: Uint8Array): boolean {
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return hasMark || first === 0 || second === 0;
}

/** The position of the first sequence that is not UTF-8. A decoder replaces it with U+FFFD. */
function wrongByte(bytes: Uint8Array): number {
  const encoder = new TextEncoder();
  const genuine = encoder.encode(REPLACEMENT);
  let at = 0;
  for (const character of new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)) {
    if (character === REPLACEMENT && genuine.some((byte, index) => bytes[at + index] !== byte)) return at;
    at += encoder.encode(character).length;
  }
  return at;
}
