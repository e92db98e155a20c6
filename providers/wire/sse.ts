import { StringDecoder } from 'node:string_decoder';
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { SluiceError } from '../../src/index.ts';

/** Takes one event: its data, and its name ('' where it has none). */
export type OnEvent = (data: string, name: string) => void;

/** What the parser reports; a type of its own, as the package's class is not generic over it. */
interface Complaint {
  type: string;
  field?: string | undefined;
}

/** As many characters of a line as its field's name and colon have. */
const HEAD_CHARACTERS = 6;

/** The beginning of a line that is, or may become, a comment or a field with a name; a BOM may stand before the first. */
const LINE_HEAD = /^\ufeff?[\w.-]*(?::|$)/;

/**
 * Bytes in, events out, synchronously: reads of any size, UTF-8 split anywhere, LF, CRLF and CR. An event is handed over when its blank
 * line has come; one that the end of the body cuts off is dropped, as the specification has it. Fields of other names are
 * ignored as there, but a line that can be no field at all is an error: somebody wrote into the stream, and an event may be lost.
 */
export class SseReader {
  readonly #onEvent: OnEvent;
  readonly #maxEventCharacters: number;
  // Twice as fast as TextDecoder's stream mode on the small reads of a live stream. The parser drops the BOM.
  readonly #decoder = new StringDecoder('utf8');
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

  /** Reads on. Throws what `onEvent` throws, and `protocol` for an event that is too long or a line that is none. */
  feed(bytes: Uint8Array): void {
    const text = this.#decoder.write(bytes);
    this.#parser.feed(text);
    if (text.endsWith('\n')) this.#head = '';
    else this.#checkTail(text);
  }

  /** The parser says nothing of a bad line that comes in pieces. */
  #checkTail(text: string): void {
    const start = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
    const head =
      start === 0 ? this.#head + text.slice(0, HEAD_CHARACTERS) : text.slice(start, start + HEAD_CHARACTERS);
    this.#head = head.slice(0, HEAD_CHARACTERS);
    if (!LINE_HEAD.test(this.#head)) throw notSse();
  }

  readonly #event = (message: EventSourceMessage): void => {
    // One that came in a single read was never buffered.
    if (message.data.length > this.#maxEventCharacters) throw this.#tooLong();
    this.#onEvent(message.data, message.event ?? '');
  };

  readonly #complain = (complaint: Complaint): void => {
    if (complaint.type === 'max-buffer-size-exceeded') throw this.#tooLong();
    if (complaint.type === 'unknown-field' && !/^[\w.-]*$/.test(complaint.field ?? '')) throw notSse();
  };

  #tooLong(): SluiceError {
    const message = `An event of the stream exceeds limits.maxEventBytes (${this.#maxEventCharacters}).`;
    return new SluiceError('protocol', message, { retryable: false });
  }
}

function notSse(): SluiceError {
  return new SluiceError('protocol', 'The event stream holds a line that is none of its kind.');
}
