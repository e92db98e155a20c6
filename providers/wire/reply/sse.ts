import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { SluiceError } from '../../../src/index.ts';
import { Utf8Reader } from './utf8.ts';

/** Takes one event: its data, and its name ('' if it has none). */
export type OnEvent = (data: string, name: string) => void;

/** Takes what comes from the first line on that is no part of an event, piece by piece. */
export type OnStray = (text: string) => void;

/** What the parser reports; a type of its own, as the package's class is not generic over it. */
interface Complaint {
  type: string;
  line?: string | undefined;
}

/** As many characters of a line that comes in pieces are kept to judge it by. */
const HEAD_CHARACTERS = 64;

/** Thrown out of the parser at a line that does not belong in an event stream. */
const STRAY = new Error('A stray line.');

/**
 * Bytes in, events out, synchronously: reads of any size, UTF-8 split anywhere, LF, CRLF and CR. An event is handed over when its blank
 * line has come; one that the end of the body cuts off is dropped, as the specification has it. Comments, and fields of other
 * names, are ignored as there. But a line that can be no field at all, and a payload under another name, are stray text: somebody
 * wrote into the stream, and an event, or the reason why there are no more, would be lost in silence. The stream ends with it.
 */
export class SseReader {
  readonly #onEvent: OnEvent;
  readonly #onStray: OnStray;
  readonly #maxEventCharacters: number;
  readonly #utf8 = new Utf8Reader();
  readonly #parser: EventSourceParser;
  /** How the line begins that the last read broke off. */
  #head = '';
  /** The text that is parsed, and whether a `data` line without its colon stands in it, if anybody has asked. */
  #text = '';
  #isTextBare: boolean | undefined;
  /** Such a line may stand in what earlier reads brought of the current event. */
  #isBare = false;
  #isFirst = true;
  #strayLine: string | undefined;
  #isStray = false;

  /** `maxEventCharacters` bounds one event, and with it what is buffered. */
  constructor(onEvent: OnEvent, onStray: OnStray, maxEventCharacters: number) {
    this.#onEvent = onEvent;
    this.#onStray = onStray;
    this.#maxEventCharacters = maxEventCharacters;
    this.#parser = createParser({
      maxBufferSize: maxEventCharacters,
      onEvent: this.#event,
      onError: this.#complain,
    });
  }

  /**
   * Reads on. Throws what `onEvent` and `onStray` throw, and `protocol` for an event that is too long and for bytes that are no
   * text; the events before those are handed over first.
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

  /** The body is over: a last line without an end may be stray text, too. */
  end(): void {
    const head = this.#head;
    const isCut = FIELD_NAMES.some((name) => name.startsWith(head));
    if (!this.#isStray && !isCut && isStray(head, true)) this.#stray(head);
  }

  #read(text: string): void {
    if (text === '') return;
    if (this.#isStray) {
      this.#onStray(text);
      return;
    }
    let firstLine = 0;
    if (this.#head !== '') {
      const end = text.search(/[\r\n]/);
      const line = (this.#head + text.slice(0, end === -1 ? HEAD_CHARACTERS : end)).slice(0, HEAD_CHARACTERS);
      if (isStray(line, end !== -1)) {
        this.#stray(this.#head + text);
        return;
      }
      this.#head = end === -1 ? line : '';
      this.#isBare ||= end !== -1 && line === 'data';
      if (end === -1) {
        this.#feed(text, text.length, text.length);
        return;
      }
      firstLine = end;
    }
    const start = text.endsWith('\n') ? text.length : this.#begin(text);
    this.#feed(text, firstLine, start === -1 ? text.length : start);
    this.#isFirst = false;
    if (!text.endsWith('\n\n')) this.#isBare ||= hasBareData(text);
  }

  /**
   * The last line goes on in the next read. Where it begins, if it is stray text already, else -1. The parser says nothing of such
   * a line before its end, and of one that comes in pieces nothing at all.
   */
  #begin(text: string): number {
    const start = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
    const head = text.slice(start, start + HEAD_CHARACTERS);
    this.#head = this.#isFirst && start === 0 && head.startsWith('\ufeff') ? head.slice(1) : head;
    return isStray(this.#head, false) ? start : -1;
  }

  /**
   * Parses a text up to `end`: what follows that is stray, and so is what follows a line that the parser finds to be. The first
   * whole line in it begins no sooner than at `firstLine`.
   */
  #feed(text: string, firstLine: number, end: number): void {
    let start = end;
    this.#text = text;
    this.#isTextBare = undefined;
    try {
      this.#parser.feed(end === text.length ? text : text.slice(0, end));
    } catch (error) {
      if (error !== STRAY) throw error;
      start = startOf(this.#strayLine ?? '', text, firstLine);
    }
    this.#text = '';
    if (start < text.length) this.#stray(text.slice(start));
  }

  #stray(text: string): void {
    this.#isStray = true;
    this.#onStray(text);
  }

  readonly #event = (message: EventSourceMessage): void => {
    // One that came in a single read was never buffered.
    if (message.data.length > this.#maxEventCharacters) throw this.#tooLong();
    if (message.data === '' && (this.#isBare || (this.#isTextBare ??= hasBareData(this.#text)))) {
      throw new SluiceError('protocol', 'The event stream holds a data line that has lost its colon.');
    }
    this.#isBare = false;
    this.#onEvent(message.data, message.event ?? '');
  };

  readonly #complain = (complaint: Complaint): void => {
    if (complaint.type === 'max-buffer-size-exceeded') throw this.#tooLong();
    if (complaint.type !== 'unknown-field' || !isStray(complaint.line ?? '', true)) return;
    this.#strayLine = complaint.line;
    throw STRAY;
  };

  #tooLong(): SluiceError {
    const message = `An event of the stream exceeds limits.maxEventCharacters (${this.#maxEventCharacters}).`;
    return new SluiceError('protocol', message, { retryable: false });
  }
}

const FIELD_NAMES = ['data', 'event', 'id', 'retry'];
const FIELDS: ReadonlySet<string> = new Set(FIELD_NAMES);
const NAME = /^[\w.-]*$/;
/** llama.cpp wrote `error: {...}`; programs that break down write `RuntimeError: ...`. */
const ERROR_NAME = /(?:error|exception|panic|fatal)$/i;
/** What follows a colon if it is the payload of an event. */
const PAYLOAD = /^\s*(?:\{|\[DONE\])/;

/** Whether a line, or its beginning so far, is neither a field nor a comment, or a field of another name with a payload in it. */
function isStray(line: string, isWhole: boolean): boolean {
  if (line.trim() === '') return false;
  const colon = line.indexOf(':');
  // A word alone is a field without a value to the specification, but what a server writes that breaks down.
  if (colon === -1) return isWhole ? !FIELDS.has(line) : !NAME.test(line);
  const name = line.slice(0, colon);
  if (name === '' || FIELDS.has(name)) return false;
  if (!NAME.test(name) || ERROR_NAME.test(name) || PAYLOAD.test(line.slice(colon + 1))) return true;
  // Something was written into a `data` line: the payload that follows looks like a comment.
  return name.startsWith('data');
}

/** Whether a `data` line may stand in a text without its colon. The specification reads it as an empty one. */
function hasBareData(text: string): boolean {
  return (text.includes('data\n') || text.includes('data\r')) && /^data$/m.test(text);
}

/** Where a whole line begins in a text, from a place on. */
function startOf(line: string, text: string, from: number): number {
  for (let at = text.indexOf(line, from); at !== -1; at = text.indexOf(line, at + 1)) {
    const isStart = at === 0 || '\r\n\ufeff'.includes(text.charAt(at - 1));
    if (isStart && '\r\n'.includes(text.charAt(at + line.length))) return at;
  }
  return from;
}
