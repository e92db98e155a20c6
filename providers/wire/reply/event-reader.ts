import { SluiceError, type Reply, type StreamChunk } from '../../../src/index.ts';
import { errorIn, parsed } from '../errors/error-body.ts';
import { errorFromBody, type ErrorInfo } from '../errors/errors.ts';
import { isRecord, text } from '../json.ts';
import { OutputMeter } from './output-meter.ts';
import { SseReader } from './sse.ts';
import { isKeepAlive, isWords, NonEventText } from './non-event-text.ts';
import type { Decoder, ResponseInfo, WireCall } from '../wire.ts';

/** The data that ends a stream of Chat Completions. */
const DONE = '[DONE]';

/** Matches `error`, `response.error`, `Exception` and `modelStreamErrorException` (AWS), but not `mirror`. */
const ERROR_NAME = /(?:^|[._-])(?:error|exception)$|[a-z](?:Error|Exception)$|^(?:Error|Exception|ERROR)$/;

/**
 * Turns bytes into chunks: it splits events, parses their JSON, calls the decoder, and checks the limits. It is
 * synchronous. Each call has one.
 */
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
  #hasEvents = false;
  /** How many events have come, also empty ones. */
  #events = 0;
  /** Text that came instead of events. */
  #nonEvent: NonEventText | undefined;
  /** Whether that text was a complete reply, which has been read. */
  #hasReply = false;

  /** `mediaType` is what the server says the body is. The first bytes tell what it really is. */
  constructor(wire: WireCall, info: ResponseInfo, mediaType = 'text/event-stream') {
    this.#wire = wire;
    this.#info = info;
    this.#mediaType = mediaType;
    this.#decoder = wire.decoder(info);
    this.#sse = new SseReader(this.#event, this.#nonEventText, wire.limits.maxEventCharacters);
    this.#meter = new OutputMeter(wire.limits.maxOutputCharacters, wire.call.call.request);
    this.#raw = wire.raw === undefined ? undefined : [];
  }

  /** Whether the end of the reply was seen. What comes after it is not read. */
  get finished(): boolean {
    return this.#hasReply || this.#decoder.finished;
  }

  /** Takes bytes of the body. Bytes after the end of the reply are dropped. */
  feed(bytes: Uint8Array): void {
    if (this.finished) return;
    const before = this.#events;
    try {
      this.#sse.feed(bytes);
      // A piece of a long event. The rest of it may take its time.
      if (this.#events === before && this.#sse.inEvent) this.#wire.call.call.alive();
    } catch (error) {
      // The reply is complete, whether this came in the same read as its end or after it.
      if (!this.finished) throw error;
    }
  }

  /** Counts the chunks since the last call. Throws `protocol` if they exceed the limit. */
  meter(): void {
    const chunks = this.#out;
    for (let at = this.#metered; at < chunks.length; at++) {
      const chunk = chunks[at];
      if (chunk !== undefined) this.#meter.add(chunk);
    }
    this.#metered = chunks.length;
  }

  /** The chunks since the last call. Undefined if there are none. */
  take(): StreamChunk[] | undefined {
    const chunks = this.#out;
    if (chunks.length === 0) return undefined;
    this.#out = [];
    this.#metered = 0;
    return chunks;
  }

  /** Ends the reply: decodes its last chunks and returns it. Throws if the body ended too soon. */
  end(): Reply {
    if (!this.finished) {
      this.#sse.end();
      if (!this.finished && this.#nonEvent !== undefined) this.#settle(this.#nonEvent);
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
    this.#events++;
    const before = this.#out.length;
    this.#decode(data, name, decoder);
    if (this.#out.length === before) this.#wire.call.call.alive();
  };

  #decode(data: string, name: string, decoder: Decoder): void {
    if (name !== '' && isErrorName(name)) throw this.#errorEvent(data);
    // No event is shorter. Some servers pad this text, and some send empty events to keep the connection alive.
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
    this.#hasEvents = true;
    this.#raw?.push(value);
    decoder.event(value, name, this.#out);
  }

  /** The object in the data of an event. Undefined if the event only keeps the connection alive. */
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

  /** Checks data that is not JSON. Throws the error that it stands for, unless it only keeps the connection alive. */
  #checkWords(data: string): void {
    if (isKeepAlive(data)) return;
    // A gateway that breaks off within an event writes its error into the rest of the event.
    const last = parsed(data.slice(data.lastIndexOf('\n') + 1));
    if (errorIn(last) !== undefined) throw errorFromBody(last, this.#errorInfo());
    // JSON is not quoted in the error: it may be part of the reply.
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

  readonly #nonEventText = (piece: string): void => {
    if (this.finished) return;
    const text = (this.#nonEvent ??= new NonEventText(this.#wire.limits.maxEventCharacters));
    text.add(piece);
    if (text.isComplete) this.#settle(text);
    // Some servers send blank lines to keep the connection alive while they work on a reply that is not streamed. They are like comments.
    else if (piece.trim() !== '') this.#wire.call.call.alive();
  };

  /** Reads the text that came instead of events as a reply, or throws the error that it stands for. */
  #settle(text: NonEventText): void {
    const body = this.#hasEvents ? undefined : text.reply();
    const events = body === undefined ? undefined : this.#wire.events?.(body);
    if (events === undefined) throw text.error(this.#errorInfo(), this.#mediaType);
    this.#raw?.push(body);
    for (const event of events) this.#decoder.event(event, '', this.#out);
    this.#hasReply = true;
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

/** Whether the name of an event says that it is an error. The last letter rules out nearly all other names. */
function isErrorName(name: string): boolean {
  const last = name.charAt(name.length - 1).toLowerCase();
  return (last === 'r' || last === 'n') && ERROR_NAME.test(name);
}
