import { scrub } from '../../src/kit/index.ts';

/** From this length on, a text in base64 is data, not words. */
const DATA_CHARACTERS = 256;

/** A text is taken for base64 by so much of it. */
const SAMPLE_CHARACTERS = 4_096;

/** So much after the place where a text is cut is looked at as well. */
const KEY_CHARACTERS = 500;

const BASE64 = /^[\w+/=-]+$/;
const DATA_URL = /^data:([\w.+/-]{1,100})?[^,]{0,200},/i;

/** What is nested deeper is left out. */
const MAX_DEPTH = 12;

/**
 * Makes what a line logs of messages and answers: a copy of them in which data (base64, data URLs, bytes) is a placeholder with its kind and its size, keys are
 * replaced by `***`, and of the texts no more than a number of characters is kept. One line has one.
 */
export class LineContent {
  #left: number;

  /** `maxCharacters`: how many characters of text the line may have. */
  constructor(maxCharacters: number) {
    this.#left = maxCharacters;
  }

  /** Messages, from the newest back. The oldest are left out if there is no room for them. */
  messages(messages: readonly unknown[]): unknown[] {
    const kept: unknown[] = [];
    for (const message of messages.toReversed()) {
      if (this.#left <= 0) break;
      kept.unshift(this.value(message));
    }
    const dropped = messages.length - kept.length;
    return dropped === 0 ? kept : [`… (${dropped} earlier messages)`, ...kept];
  }

  /** Any plain data. */
  value(value: unknown, depth = 0): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    if (ArrayBuffer.isView(value)) return placeholder('bytes', value.byteLength);
    if (this.#left <= 0 || depth > MAX_DEPTH) return '…';
    return Array.isArray(value) ? this.#list(value, depth) : this.#fields(value, depth);
  }

  /** A text, or what stands for it if it is data. */
  text(text: string): string {
    const data = placeholderOf(text);
    if (data !== undefined) return data;
    const room = Math.max(this.#left, 0);
    this.#left -= text.length;
    const more = text.length - room;
    if (more <= 0) return scrub(text);
    // Half a key would not be found.
    const head = scrub(text.slice(0, room + KEY_CHARACTERS))
      .slice(0, room)
      .toWellFormed();
    return `${head}… (${more} more characters)`;
  }

  #list(list: readonly unknown[], depth: number): unknown[] {
    const kept: unknown[] = [];
    for (const one of list) {
      if (this.#left <= 0) break;
      // So that a list of numbers ends, too.
      this.#left -= 2;
      kept.push(this.value(one, depth + 1));
    }
    const more = list.length - kept.length;
    return more > 0 ? [...kept, `… (${more} more)`] : kept;
  }

  #fields(fields: object, depth: number): object {
    const kept: [string, unknown][] = [];
    const { type, mediaType }: { type?: unknown; mediaType?: unknown } = fields;
    for (const [name, value] of Object.entries(fields)) {
      if (this.#left <= 0) {
        kept.push(['…', 'more']);
        break;
      }
      this.#left -= name.length + 4;
      const isData = name === 'data' && typeof value === 'string' && typeof mediaType === 'string';
      kept.push([
        name,
        isData
          ? placeholder(`${String(type)}, ${mediaType.slice(0, 60)}`, bytesOf(value))
          : this.value(value, depth + 1),
      ]);
    }
    return Object.fromEntries(kept);
  }
}

/** What stands for a text that is a data URL or base64; undefined for any other. */
function placeholderOf(text: string): string | undefined {
  const [head, mediaType] = DATA_URL.exec(text) ?? [];
  if (head !== undefined) {
    const size = text.length - head.length;
    return placeholder(
      mediaType ?? 'text/plain',
      /;base64,$/i.test(head) ? bytesOf(text.slice(head.length)) : size,
    );
  }
  if (text.length < DATA_CHARACTERS || !BASE64.test(text.slice(0, SAMPLE_CHARACTERS))) return undefined;
  return placeholder('base64', bytesOf(text));
}

/** How many bytes a text in base64 stands for. */
function bytesOf(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return Math.floor((base64.length * 3) / 4) - padding;
}

function placeholder(kind: string, bytes: number): string {
  return `[${kind}, ${bytes} bytes]`;
}
