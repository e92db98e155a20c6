import { joinedBytes } from '../base64.ts';

/**
 * The character that a decoder puts in place of bytes that are not UTF-8. A text may also hold it, as the bytes EF BF BD.
 */
const REPLACEMENT = '\ufffd';

const LINE_FEED = 0x0a;

const WITH_BYTE_ORDER_MARK = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Decodes UTF-8 in reads that may end within a character. It tells invalid bytes from a replacement character that was
 * sent.
 */
export class Utf8Reader {
  /** The bytes of a character that the last read has cut. */
  #cutCharacter: Uint8Array | undefined;
  #badLine = -1;

  /** Where the first line with invalid bytes begins in the text of the last read, or -1. */
  get badLine(): number {
    return this.#badLine;
  }

  /** Decodes the characters that are complete. A byte order mark is kept. */
  read(bytes: Uint8Array): string {
    const all = this.#cutCharacter === undefined ? bytes : joinedBytes([this.#cutCharacter, bytes]);
    const end = all.length - cutBytes(all);
    this.#cutCharacter = end === all.length ? undefined : all.slice(end);
    const text = textOf(all, end);
    this.#badLine = text.includes(REPLACEMENT) ? firstBadLine(text, all.subarray(0, end)) : -1;
    return text;
  }
}

/** The first bytes as text. A large text takes TextDecoder four times as long as a buffer, which not every runtime has. */
function textOf(bytes: Uint8Array, end: number): string {
  if (typeof Buffer === 'undefined') return WITH_BYTE_ORDER_MARK.decode(bytes.subarray(0, end));
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('utf8', 0, end);
}

/** How many bytes at the end belong to a character that is not complete. */
function cutBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return back < length ? back : 0;
  }
  return 0;
}

/** A line whose text has more replacement characters than its bytes holds invalid bytes. */
function firstBadLine(text: string, bytes: Uint8Array): number {
  let line = 0;
  for (let start = 0; line <= text.length;) {
    const textEnd = endOf(text.indexOf('\n', line), text.length);
    const bytesEnd = endOf(bytes.indexOf(LINE_FEED, start), bytes.length);
    if (
      text.slice(line, textEnd).split(REPLACEMENT).length - 1 !==
      replacementsIn(bytes.subarray(start, bytesEnd))
    )
      return line;
    line = textEnd + 1;
    start = bytesEnd + 1;
  }
  return -1;
}

function endOf(found: number, length: number): number {
  return found === -1 ? length : found;
}

/** How many replacement characters these bytes encode. */
function replacementsIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(0xef); at !== -1; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) count++;
  }
  return count;
}
