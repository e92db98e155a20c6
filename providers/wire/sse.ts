import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { SluiceError } from '../../src/index.ts';
import { Utf8Reader } from './utf8.ts';

/** Takes one event: its data, and its name ('' where it has none). */
export type OnEvent = (data: string, name: string) => void;

/** What the parser reports; a type of its own, as the package's class is not generic over it. */
interface Complaint {
  type: string;
  line?: string | undefined;
}

/** As many characters of a line that comes in pieces are kept to judge it by. */
const HEAD_CHARACTERS = 64;

/**
 * Bytes in, events out, synchronously: reads of any size, UTF-8 split anywhere, LF, CRLF and CR. An event is handed over when its blank
 * line has come; one that the end of the body cuts off is dropped, as the specification has it. Comments, and fields of other
 * names, are ignored as there. But a line that can be no field at all, and a payload that stands in a comment or under another
 * name, are errors: somebody wrote into the stream, and an event would be lost in silence. So are bytes that are no UTF-8.
 */
export class SseReader {
  readonly #onEvent: OnEvent;
  readonly #maxEventCharacters: number;
  readonly #utf8 = new Utf8Reader();
  readonly #parser: EventSourceParser;
  /** How the line begins that the last read broke off. */
  #head = '';

  /** `maxEventCharacters` bounds one event, and with it what is buffered. */
  constructor(onEvent: OnEvent, maxEventCharacters: number) {
    this.#onEvent = onEvent;
    this.#maxEventCharacters = maxEventCharacters;
    this.#parser = createParser({
      maxBufferSize: maxEventCharacters,
      onEvent: this.#event,
      onError: this.#complain,
    });
  }

  /**
   * Reads on. Throws what `onEvent` throws, and `protocol` for an event that is too long, for a line that is none and for bytes that
   * are no text; the events before those are handed over first.
   */
  feed(bytes: Uint8Array): void {
    const text = this.#utf8.read(bytes);
    const { badLine } = this.#utf8;
    if (badLine === -1) {
      this.#read(text);
      return;
    }
    this.#read(text.slice(0, badLine));
    throw new SluiceError('protocol', 'The event stream holds bytes that are no UTF-8.');
  }

  #read(text: string): void {
    const rest = this.#head === '' ? 0 : this.#endLine(text);
    const comment = rest === -1 ? -1 : strayComment(text, rest);
    this.#parser.feed(comment === -1 ? text : text.slice(0, comment));
    if (comment !== -1) throw notSse();
    if (rest === -1 || text.endsWith('\n')) return;
    const start = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
    this.#begin(text.slice(start, start + HEAD_CHARACTERS));
  }

  /** The parser says nothing of a bad line that comes in pieces, and of none before its end. */
  #begin(head: string): void {
    this.#head = head.startsWith('\ufeff') ? head.slice(1) : head;
    if (isStray(this.#head, false)) throw notSse();
  }

  /** The line that the last read broke off goes on: tells where the text behind it begins, -1 where it does not end. */
  #endLine(text: string): number {
    const end = text.search(/[\r\n]/);
    const more = text.slice(0, end === -1 ? HEAD_CHARACTERS : Math.min(end, HEAD_CHARACTERS));
    this.#head = (this.#head + more).slice(0, HEAD_CHARACTERS);
    if (isStray(this.#head, end !== -1)) throw notSse();
    if (end !== -1) this.#head = '';
    return end;
  }

  readonly #event = (message: EventSourceMessage): void => {
    // One that came in a single read was never buffered.
    if (message.data.length > this.#maxEventCharacters) throw this.#tooLong();
    this.#onEvent(message.data, message.event ?? '');
  };

  readonly #complain = (complaint: Complaint): void => {
    if (complaint.type === 'max-buffer-size-exceeded') throw this.#tooLong();
    if (complaint.type === 'unknown-field' && isStray(complaint.line ?? '', true)) throw notSse();
  };

  #tooLong(): SluiceError {
    const message = `An event of the stream exceeds limits.maxEventBytes (${this.#maxEventCharacters}).`;
    return new SluiceError('protocol', message, { retryable: false });
  }
}

const FIELDS: ReadonlySet<string> = new Set(['data', 'event', 'id', 'retry']);
const NAME = /^[\w.-]*$/;
/** What follows a colon where it is the payload of an event. */
const PAYLOAD = /^\s*(?:\{|\[DONE\])/;

/** Whether a line, or its beginning so far, is neither a field nor a comment, or one of them with a payload in it. */
function isStray(line: string, whole: boolean): boolean {
  const colon = line.indexOf(':');
  // A word alone is a field without a value to the specification, but what a server writes that breaks down.
  if (colon === -1) return whole ? line !== '' && !FIELDS.has(line) : !NAME.test(line);
  const name = line.slice(0, colon);
  return !FIELDS.has(name) && (!NAME.test(name) || PAYLOAD.test(line.slice(colon + 1)));
}

/** Where the first comment with a payload begins, from a line's start or end on; -1 where there is none. */
function strayComment(text: string, from: number): number {
  const ends = text.includes('\r') ? ['\n:', '\r:'] : ['\n:'];
  const starts =
    from === 0 && text.startsWith(':') && isStray(text.slice(0, HEAD_CHARACTERS), false) ? [0] : [];
  for (const end of ends) {
    for (let at = text.indexOf(end, from); at !== -1; at = text.indexOf(end, at + 1)) {
      if (!isStray(text.slice(at + 1, at + 1 + HEAD_CHARACTERS), false)) continue;
      starts.push(at + 1);
      break;
    }
  }
  return starts.length === 0 ? -1 : Math.min(...starts);
}

function notSse(): SluiceError {
  return new SluiceError('protocol', 'The event stream holds a line that is none of its kind.');
}
