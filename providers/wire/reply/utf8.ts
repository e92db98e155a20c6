/** What a decoder puts in the place of bytes that are no UTF-8. A text may also hold it itself, as the bytes EF BF BD. */
const REPLACEMENT = '\ufffd';

const LINE_FEED = 0x0a;

/** UTF-8 in reads that end anywhere, as text; knows bytes that are none from a replacement character that was sent. */
export class Utf8Reader {
  /** The bytes of a character that the last read broke off. */
  #held: Buffer | undefined;
  #badLine = -1;

  /** Where in the text of the last read the line begins that holds the first bytes that are no UTF-8; -1: there are none. */
  get badLine(): number {
    return this.#badLine;
  }

  /** The characters that are whole now. A byte order mark is kept. */
  read(bytes: Uint8Array): string {
    // Not StringDecoder: it takes sixteen times as long where a read holds anything but ASCII.
    const all = this.#held === undefined ? bufferOf(bytes) : Buffer.concat([this.#held, bytes]);
    const end = all.length - brokenOff(all);
    this.#held = end === all.length ? undefined : Buffer.from(all.subarray(end));
    const text = all.toString('utf8', 0, end);
    this.#badLine = text.includes(REPLACEMENT) ? firstBadLine(text, all.subarray(0, end)) : -1;
    return text;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How many bytes at the end begin a character that is not whole. */
function brokenOff(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return back < length ? back : 0;
  }
  return 0;
}

/** A line has no more replacement characters than were sent, or something else was replaced in it. */
function firstBadLine(text: string, bytes: Uint8Array): number {
  let line = 0;
  for (let start = 0; line <= text.length;) {
    const textEnd = endOf(text.indexOf('\n', line), text.length);
    const bytesEnd = endOf(bytes.indexOf(LINE_FEED, start), bytes.length);
    if (text.slice(line, textEnd).split(REPLACEMENT).length - 1 !== sent(bytes.subarray(start, bytesEnd)))
      return line;
    line = textEnd + 1;
    start = bytesEnd + 1;
  }
  return -1;
}

function endOf(found: number, length: number): number {
  return found === -1 ? length : found;
}

/** How many replacement characters these bytes spell. */
function sent(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(0xef); at !== -1; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) count++;
  }
  return count;
}
