import { StringDecoder } from 'node:string_decoder';
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { SluiceError } from '../../src/index.ts';

/** Takes one event: its data, and its name ('' where it has none). */
export type OnEvent = (data: string, name: string) => void;

/**
 * Bytes in, events out, synchronously: reads of any size, UTF-8 split anywhere, LF, CRLF and CR. An event is handed over when its blank line
 * has come; one that the end of the body cuts off is dropped, as the specification has it.
 */
export class SseReader {
  readonly #onEvent: OnEvent;
  readonly #maxEventCharacters: number;
  // Three times as fast as TextDecoder's stream mode on the small reads of a live stream. The parser drops the BOM.
  readonly #decoder = new StringDecoder('utf8');
  readonly #parser: EventSourceParser;
  #tooLong = false;

  /** `maxEventCharacters` bounds one event, and with it what is buffered. */
  constructor(onEvent: OnEvent, maxEventCharacters: number) {
    this.#onEvent = onEvent;
    this.#maxEventCharacters = maxEventCharacters;
    this.#parser = createParser({
      maxBufferSize: maxEventCharacters,
      onEvent: this.#event,
      onError: this.#error,
    });
  }

  /** Reads on. Throws what `onEvent` throws, and `protocol` for an event that is too long. */
  feed(bytes: Uint8Array): void {
    this.#parser.feed(this.#decoder.write(bytes));
    if (this.#tooLong) throw this.#tooLongError();
  }

  readonly #event = (message: EventSourceMessage): void => {
    // One that came in a single read was never buffered.
    if (message.data.length > this.#maxEventCharacters) throw this.#tooLongError();
    this.#onEvent(message.data, message.event ?? '');
  };

  readonly #error = (error: { type: string }): void => {
    // Unknown fields and bad retry times are to be ignored.
    if (error.type === 'max-buffer-size-exceeded') this.#tooLong = true;
  };

  #tooLongError(): SluiceError {
    return new SluiceError(
      'protocol',
      `An event of the stream exceeds limits.maxEventBytes (${this.#maxEventCharacters}).`,
      {
        retryable: false,
      },
    );
  }
}
