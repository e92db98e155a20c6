import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { SluiceError } from '../../../src/index.ts';
import { Utf8Reader } from './utf8.ts';

/** Receives one event: its data, and its name ('' if it has none). */
export type OnEvent = (data: string, name: string) => void;

/** Receives text that is not part of any event, piece by piece. */
export type OnNonEvent = (text: string) => void;

/** An error of the parser. The package's own class is not generic over its type. */
interface ParserError {
  type: string;
  line?: string | undefined;
}

/** How many characters of a line that comes in pieces are kept to judge it. */
const HEAD_CHARACTERS = 64;

/** Thrown from the parser's callback at a line that does not belong in an event stream. */
const NON_EVENT_LINE = new Error('A line that is not part of an event.');

/**
 * Splits bytes into events, synchronously. Reads may have any size, may split a UTF-8 character, and lines may end with LF,
 * CRLF or CR. An event is passed on when its blank line has come. As the specification says, an event without one at the
 * end of the body is dropped, and comments and unknown fields are ignored. But a line that cannot be a field, or a payload
 * under an unknown name, is not ignored: something was written into the stream, and an event or an error would be lost
 * silently. From there on, everything is passed on as non-event text.
 */
export class SseReader {
  readonly #onEvent: OnEvent;
  readonly #onNonEvent: OnNonEvent;
  readonly #maxEventCharacters: number;
  readonly #utf8 = new Utf8Reader();
  readonly #parser: EventSourceParser;
  /** The start of a line that the last read has cut. */
  #head = '';
  /** The text that is being parsed, and whether it holds a `data` line without a colon (undefined: not checked yet). */
  #text = '';
  #textMayLackColon: boolean | undefined;
  /** Whether earlier reads of the current event may hold such a line. */
  #mayLackColon = false;
  #isFirst = true;
  #nonEventLine: string | undefined;
  #isNonEvent = false;

  /** `maxEventCharacters` limits one event, and thereby what is buffered. */
  constructor(onEvent: OnEvent, onNonEvent: OnNonEvent, maxEventCharacters: number) {
    this.#onEvent = onEvent;
    this.#onNonEvent = onNonEvent;
    this.#maxEventCharacters = maxEventCharacters;
    this.#parser = createParser({
      maxBufferSize: maxEventCharacters,
      onEvent: this.#event,
      onError: this.#parserError,
    });
  }

  /**
   * Takes bytes of the body. Throws what `onEvent` and `onNonEvent` throw, and `protocol` for an event that is too long and
   * for bytes that are not UTF-8. The events before them are passed on first.
   */
  feed(bytes: Uint8Array): void {
    const text = this.#utf8.read(bytes);
    const { badLine } = this.#utf8;
    if (badLine === -1) {
      this.#read(text);
      return;
    }
    this.#read(text.slice(0, badLine));
    throw new SluiceError('protocol', 'The event stream holds bytes that are not UTF-8.');
  }

  /** Whether the last read ended within a line of an event, which is not a comment. */
  get inEvent(): boolean {
    return this.#head.startsWith('data:');
  }

  /** Ends the body. A last line without a line break may be non-event text, too. */
  end(): void {
    const head = this.#head;
    const isCut = FIELD_NAMES.some((name) => name.startsWith(head));
    if (!this.#isNonEvent && !isCut && isNonEvent(head, true)) this.#passOn(head);
  }

  #read(text: string): void {
    if (text === '') return;
    if (this.#isNonEvent) {
      this.#onNonEvent(text);
      return;
    }
    let firstLine = 0;
    if (this.#head !== '') {
      const end = text.search(/[\r\n]/);
      const line = (this.#head + text.slice(0, end === -1 ? HEAD_CHARACTERS : end)).slice(0, HEAD_CHARACTERS);
      if (isNonEvent(line, end !== -1)) {
        this.#passOn(this.#head + text);
        return;
      }
      this.#head = end === -1 ? line : '';
      this.#mayLackColon ||= end !== -1 && line === 'data';
      if (end === -1) {
        this.#feed(text, text.length, text.length);
        return;
      }
      firstLine = end;
    }
    const start = text.endsWith('\n') ? text.length : this.#begin(text);
    this.#feed(text, firstLine, start === -1 ? text.length : start);
    this.#isFirst = false;
    if (!text.endsWith('\n\n')) this.#mayLackColon ||= mayLackColon(text);
  }

  /**
   * Notes the start of the last line, which continues in the next read. Returns where it begins if it is non-event text,
   * else -1. The parser reports such a line only at its end, and does not report one that comes in pieces.
   */
  #begin(text: string): number {
    const start = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
    const head = text.slice(start, start + HEAD_CHARACTERS);
    this.#head = this.#isFirst && start === 0 && head.startsWith('\ufeff') ? head.slice(1) : head;
    return isNonEvent(this.#head, false) ? start : -1;
  }

  /**
   * Parses a text up to `end`. What follows is non-event text, and so is what follows a line that the parser does not know.
   * The first complete line begins at `firstLine` or later.
   */
  #feed(text: string, firstLine: number, end: number): void {
    let start = end;
    this.#text = text;
    this.#textMayLackColon = undefined;
    try {
      this.#parser.feed(end === text.length ? text : text.slice(0, end));
    } catch (error) {
      if (error !== NON_EVENT_LINE) throw error;
      start = startOf(this.#nonEventLine ?? '', text, firstLine);
    }
    this.#text = '';
    if (start < text.length) this.#passOn(text.slice(start));
  }

  #passOn(text: string): void {
    this.#isNonEvent = true;
    this.#onNonEvent(text);
  }

  readonly #event = (message: EventSourceMessage): void => {
    // An event that came in a single read was never buffered by the parser.
    if (message.data.length > this.#maxEventCharacters) throw this.#tooLong();
    if (
      message.data === '' &&
      (this.#mayLackColon || (this.#textMayLackColon ??= mayLackColon(this.#text)))
    ) {
      throw new SluiceError('protocol', 'The event stream holds a data line that has lost its colon.');
    }
    this.#mayLackColon = false;
    this.#onEvent(message.data, message.event ?? '');
  };

  readonly #parserError = (parserError: ParserError): void => {
    if (parserError.type === 'max-buffer-size-exceeded') throw this.#tooLong();
    if (parserError.type !== 'unknown-field' || !isNonEvent(parserError.line ?? '', true)) return;
    this.#nonEventLine = parserError.line;
    throw NON_EVENT_LINE;
  };

  #tooLong(): SluiceError {
    const message = `An event of the stream exceeds limits.maxEventCharacters (${this.#maxEventCharacters}).`;
    return new SluiceError('protocol', message, { retryable: false });
  }
}

const FIELD_NAMES = ['data', 'event', 'id', 'retry'];
const FIELDS: ReadonlySet<string> = new Set(FIELD_NAMES);
const NAME = /^[\w.-]*$/;
/** llama.cpp wrote `error: {...}`; programs that crash write `RuntimeError: ...`. */
const ERROR_NAME = /(?:error|exception|panic|fatal)$/i;
/** Matches what follows a colon if it is the payload of an event. */
const PAYLOAD = /^\s*(?:\{|\[DONE\])/;

/**
 * Whether a line, or the start of one, is neither a comment nor a field of an event, or is an unknown field that holds a
 * payload.
 */
function isNonEvent(line: string, isWhole: boolean): boolean {
  if (line.trim() === '') return false;
  const colon = line.indexOf(':');
  // The specification takes a single word for a field without a value. But a server that crashes writes such lines.
  if (colon === -1) return isWhole ? !FIELDS.has(line) : !NAME.test(line);
  const name = line.slice(0, colon);
  if (name === '' || FIELDS.has(name)) return false;
  if (!NAME.test(name) || ERROR_NAME.test(name) || PAYLOAD.test(line.slice(colon + 1))) return true;
  // Something was written into a `data` line. The payload that follows looks like a comment.
  return name.startsWith('data');
}

/** Whether a text may hold a `data` line that has lost its colon. The specification reads it as an empty one. */
function mayLackColon(text: string): boolean {
  return (text.includes('data\n') || text.includes('data\r')) && /^data$/m.test(text);
}

/** Where a complete line begins in a text, at or after `from`. */
function startOf(line: string, text: string, from: number): number {
  for (let at = text.indexOf(line, from); at !== -1; at = text.indexOf(line, at + 1)) {
    const isStart = at === 0 || '\r\n\ufeff'.includes(text.charAt(at - 1));
    if (isStart && '\r\n'.includes(text.charAt(at + line.length))) return at;
  }
  return from;
}
