import { SluiceError, type Reply, type StreamChunk } from '../../src/index.ts';
import { errorFromBody } from './errors.ts';
import { isRecord } from './json.ts';
import { OutputMeter } from './output-meter.ts';
import { SseReader } from './sse.ts';
import type { Decoder, ResponseInfo, WireCall } from './wire.ts';

/** The sentinel that ends the streams of OpenAI's chat wire. */
const DONE = '[DONE]';

/** Bytes in, chunks out: SSE, JSON and the wire's decoder, with the caps. Synchronous; one instance a call. */
export class EventReader {
  readonly #wire: WireCall;
  readonly #info: ResponseInfo;
  readonly #decoder: Decoder;
  readonly #sse: SseReader;
  readonly #meter: OutputMeter;
  readonly #raw: unknown[] | undefined;
  #out: StreamChunk[] = [];
  #metered = 0;

  constructor(wire: WireCall, info: ResponseInfo) {
    this.#wire = wire;
    this.#info = info;
    this.#decoder = wire.decoder(info);
    this.#sse = new SseReader(this.#event, wire.limits.maxEventBytes);
    this.#meter = new OutputMeter(wire.limits.maxOutputCharacters, wire.call.call.request);
    this.#raw = wire.raw === undefined ? undefined : [];
  }

  /** Whether the wire's end was seen: what comes behind it is nothing to read. */
  get finished(): boolean {
    return this.#decoder.finished;
  }

  /** Bytes of an event stream; those behind its end are dropped. */
  feed(bytes: Uint8Array): void {
    if (this.finished) return;
    try {
      this.#sse.feed(bytes);
    } catch (error) {
      // Whether it came in one read with the end or behind it: the reply is whole.
      if (!this.finished) throw error;
    }
  }

  /** A whole JSON answer, as the events that it stands for. */
  json(body: Record<string, unknown>, events: Iterable<Record<string, unknown>>): void {
    this.#raw?.push(body);
    for (const event of events) this.#decoder.event(event, '', this.#out);
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
    // Shorter than any event; some servers pad it, and some send empty events to keep the connection alive.
    if (data.length < 10) {
      const word = data.trim();
      if (word === '') return;
      if (word === DONE) {
        decoder.sentinel?.();
        return;
      }
    }
    const value = this.#parse(data, name);
    this.#raw?.push(value);
    decoder.event(value, name, this.#out);
  };

  #parse(data: string, name: string): Record<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      // The parser's own error quotes the payload: it is left out.
      throw this.#malformed(data, name, 'is not valid JSON');
    }
    if (isRecord(value)) return value;
    throw this.#malformed(data, name, 'is no JSON object');
  }

  #malformed(data: string, name: string, what: string): SluiceError {
    const { provider, secrets } = this.#wire;
    if (name === 'error') return errorFromBody({ message: data }, { ...this.#info, provider, secrets });
    return new SluiceError(
      'protocol',
      `${provider} sent an event that ${what} (${data.length} characters).`,
      {
        provider,
        requestId: this.#info.requestId,
      },
    );
  }
}
