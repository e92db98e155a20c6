import { SluiceError, type Reply, type StreamChunk } from '../../../src/index.ts';
import { errorIn, parsed } from '../errors/error-body.ts';
import { errorFromBody, type ErrorInfo } from '../errors/errors.ts';
import { isRecord, text } from '../json.ts';
import { OutputMeter } from './output-meter.ts';
import { SseReader } from './sse.ts';
import { isKeepAlive, isWords, StrayText } from './non-event-text.ts';
import type { Decoder, ResponseInfo, WireCall } from '../wire.ts';

/** The sentinel that ends the streams of OpenAI's chat wire. */
const DONE = '[DONE]';

/** `error`, `response.error`, `Exception`, `modelStreamErrorException` (AWS), but not `mirror`. */
const ERROR_NAME = /(?:^|[._-])(?:error|exception)$|[a-z](?:Error|Exception)$|^(?:Error|Exception|ERROR)$/;

/** Bytes in, chunks out: SSE, JSON and the wire's decoder, with the caps. Synchronous; one instance a call. */
export class EventReader {
  readonly #wire: WireCall;
  readonly #info: ResponseInfo;
  readonly #mediaType: string;
  readonly #decoder: Decoder;
  readonly #sse: SseReader;
  readonly #meter: OutputMeter;
  readonly #raw: unknown[] | undefined;
  #out: StreamChunk[] = [];
  #metered = 0;
  #isBegun = false;
  /** What came in place of events. */
  #stray: StrayText | undefined;
  /** That was a whole answer, which has been read. */
  #isAnswered = false;

  /** `mediaType` is what the server calls the body; what it is, its first bytes tell. */
  constructor(wire: WireCall, info: ResponseInfo, mediaType = 'text/event-stream') {
    this.#wire = wire;
    this.#info = info;
    this.#mediaType = mediaType;
    this.#decoder = wire.decoder(info);
    this.#sse = new SseReader(this.#event, this.#strayed, wire.limits.maxEventCharacters);
    this.#meter = new OutputMeter(wire.limits.maxOutputCharacters, wire.call.call.request);
    this.#raw = wire.raw === undefined ? undefined : [];
  }

  /** Whether the wire's end was seen: what comes after it is nothing to read. */
  get finished(): boolean {
    return this.#isAnswered || this.#decoder.finished;
  }

  /** Bytes of a body; those after its end are dropped. */
  feed(bytes: Uint8Array): void {
    if (this.finished) return;
    try {
      this.#sse.feed(bytes);
    } catch (error) {
      // Whether it came in one read with the end or after it: the reply is whole.
      if (!this.finished) throw error;
    }
  }

  /** Counts the chunks that came since the last time. Throws `protocol` over the limit. */
  meter(): void {
    const chunks = this.#out;
    for (let at = this.#metered; at < chunks.length; at++) {
      const chunk = chunks[at];
      if (chunk !== undefined) this.#meter.add(chunk);
    }
    this.#metered = chunks.length;
  }

  /** The chunks since the last time; undefined where there are none. */
  take(): StreamChunk[] | undefined {
    const chunks = this.#out;
    if (chunks.length === 0) return undefined;
    this.#out = [];
    this.#metered = 0;
    return chunks;
  }

  /** The stream is over: its last chunks, and its reply. Throws where that is no proper end. */
  end(): Reply {
    if (!this.finished) {
      this.#sse.end();
      if (!this.finished && this.#stray !== undefined) this.#settle(this.#stray);
    }
    const reply = this.#decoder.end(this.#out);
    this.meter();
    this.#meter.checkEnd(reply);
    const { provider, raw } = this.#wire;
    return {
      ...reply,
      provider: reply.provider ?? provider,
      requestId: reply.requestId ?? this.#info.requestId,
      ...(raw !== undefined && { raw: { request: raw.request, reply: this.#raw ?? [] } }),
    };
  }

  readonly #event = (data: string, name: string): void => {
    const decoder = this.#decoder;
    if (decoder.finished) return;
    if (name !== '' && isErrorName(name)) throw this.#errorEvent(data);
    // Shorter than any event; some servers pad it, and some send empty events to keep the connection alive.
    if (data.length < 10) {
      const word = data.trim();
      if (word === '') return;
      if (word === DONE) {
        decoder.sentinel?.();
        return;
      }
    }
    const value = this.#parse(data);
    if (value === undefined) return;
    this.#isBegun = true;
    this.#raw?.push(value);
    decoder.event(value, name, this.#out);
  };

  /** The object of an event, or undefined if it only keeps the connection alive. */
  #parse(data: string): Record<string, unknown> | undefined {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      this.#checkWords(data);
      return undefined;
    }
    if (isRecord(value)) return value;
    if (typeof value !== 'object' || value === null) {
      this.#checkWords(String(value));
      return undefined;
    }
    throw errorIn(value) === undefined
      ? this.#malformed(data, 'is not a JSON object')
      : errorFromBody(value, this.#errorInfo());
  }

  /** Data that are no JSON: throws the error that they are, unless they only keep the connection alive. */
  #checkWords(data: string): void {
    if (isKeepAlive(data)) return;
    // A gateway that breaks off within an event writes its error into the rest of it.
    const last = parsed(data.slice(data.lastIndexOf('\n') + 1));
    if (errorIn(last) !== undefined) throw errorFromBody(last, this.#errorInfo());
    // JSON is not quoted: it may be part of the reply.
    throw isWords(data) && !data.startsWith('[')
      ? errorFromBody({ message: data }, this.#errorInfo())
      : this.#malformed(data, 'is not valid JSON');
  }

  #errorEvent(data: string): SluiceError {
    const value = parsed(data);
    const info = this.#errorInfo();
    const requestId = (isRecord(value) ? text(value['request_id']) : undefined) ?? info.requestId;
    return errorFromBody(typeof value === 'number' ? data : (value ?? data), { ...info, requestId });
  }

  readonly #strayed = (piece: string): void => {
    if (this.finished) return;
    const stray = (this.#stray ??= new StrayText(this.#wire.limits.maxEventCharacters));
    stray.add(piece);
    if (stray.isOver) this.#settle(stray);
  };

  /** Reads what came in place of events as an answer, if it is one, or throws the error that it is. */
  #settle(stray: StrayText): void {
    const answer = this.#isBegun ? undefined : stray.answer();
    const events = answer === undefined ? undefined : this.#wire.events?.(answer);
    if (events === undefined) throw stray.error(this.#errorInfo(), this.#mediaType);
    this.#raw?.push(answer);
    for (const event of events) this.#decoder.event(event, '', this.#out);
    this.#isAnswered = true;
  }

  #errorInfo(): ErrorInfo {
    const { provider, secrets } = this.#wire;
    return { ...this.#info, provider, secrets };
  }

  #malformed(data: string, what: string): SluiceError {
    const { provider } = this.#wire;
    const message = `${provider} sent an event that ${what} (${data.length} characters).`;
    return new SluiceError('protocol', message, { provider, requestId: this.#info.requestId });
  }
}

/** Whether an event's name says that it is an error. The last letter rules out nearly every other name. */
function isErrorName(name: string): boolean {
  const last = name.charAt(name.length - 1).toLowerCase();
  return (last === 'r' || last === 'n') && ERROR_NAME.test(name);
}
