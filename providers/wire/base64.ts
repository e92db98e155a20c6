/** How many bytes become text at a time. Threes of bytes are fours of characters, so that the texts can be joined. */
const STEP_BYTES = 3 * 4_096;

/** Decodes base64 leniently: also the URL's alphabet, without padding, and with other characters in between. */
export function bytesOfBase64(text: string): Uint8Array {
  if (typeof Buffer !== 'undefined') return Buffer.from(text, 'base64');
  const clean = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replaceAll(/[^A-Za-z0-9+/]/g, '');
  // A single character at the end holds no byte, and atob() refuses it.
  const binary = atob(clean.length % 4 === 1 ? clean.slice(0, -1) : clean);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** The base64 of some bytes, in pieces. */
export function base64OfBytes(pieces: readonly Uint8Array[]): string {
  if (typeof Buffer !== 'undefined') return Buffer.concat(pieces).toString('base64');
  const bytes = joinedBytes(pieces);
  let text = '';
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + STEP_BYTES)));
  }
  return text;
}

/** Joins bytes. */
export function joinedBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
