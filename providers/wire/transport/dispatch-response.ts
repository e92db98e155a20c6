import type { HeaderReader } from '../headers.ts';
import {
  ERROR_BODY_MS,
  MAX_ERROR_BODY_BYTES,
  RAW_BODY,
  readText,
  readyOf,
  type RawBody,
} from './raw-body.ts';

type HeaderRecord = Record<string, string | string[] | undefined>;

/**
 * The headers of a response. For a response of ours no `Headers` object is made, because that costs as much as all the
 * reads of it.
 */
export function headersOfResponse(response: Response): HeaderReader {
  return response instanceof DispatchResponse ? response.reader : response.headers;
}

/**
 * A `Response` over a raw body. It only implements the interface, because a real `Response` costs as much as a read.
 * Headers and the web stream are made on demand. Rarely used methods are left to a real `Response`.
 */
export class DispatchResponse implements Response {
  readonly url: string;
  readonly status: number;
  readonly statusText: string;
  readonly ok: boolean;
  readonly redirected = false;
  readonly type = 'basic';
  readonly [RAW_BODY]: RawBody | undefined;
  readonly #record: HeaderRecord;
  #headers: Headers | undefined;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #used = false;

  constructor(
    url: string,
    status: number,
    statusText: string,
    headers: HeaderRecord,
    body: RawBody | undefined,
  ) {
    this.url = url;
    this.status = status;
    this.statusText = statusText;
    this.ok = status >= 200 && status < 300;
    this.#record = headers;
    this[RAW_BODY] = body;
  }

  get reader(): HeaderReader {
    return { get: (name) => joined(this.#record[name]) };
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#record);
    return this.#headers;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const raw = this[RAW_BODY];
    if (raw === undefined) return null;
    this.#stream ??= webStream(raw, () => (this.#used = true));
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#used || this.#stream?.locked === true;
  }

  async text(): Promise<string> {
    const raw = this[RAW_BODY];
    if (this.ok || raw === undefined || this.bodyUsed) return this.#standard().text();
    this.#used = true;
    const { text } = await readText(raw, MAX_ERROR_BODY_BYTES, ERROR_BODY_MS);
    return text;
  }

  async json(): Promise<unknown> {
    const value: unknown = JSON.parse(await this.text());
    return value;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#standard().arrayBuffer();
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async blob(): Promise<Blob> {
    return this.#standard().blob();
  }

  /** Newer releases of Node have this method. */
  textStream(): ReadableStream<string> {
    return (this.body ?? new Blob([]).stream()).pipeThrough(new TextDecoderStream());
  }

  async formData(): Promise<FormData> {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- part of the interface
    return this.#standard().formData();
  }

  clone(): Response {
    return this.#standard().clone();
  }

  #standard(): Response {
    return new Response(this.body, { status: this.status, headers: this.headers });
  }
}

function joined(value: string | string[] | undefined): string | null {
  return typeof value === 'string' ? value : (value?.join(', ') ?? null);
}

function headersOf(record: HeaderRecord): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(record)) {
    if (value === undefined) continue;
    if (typeof value === 'string') headers.append(name, value);
    else for (const one of value) headers.append(name, one);
  }
  return headers;
}

function webStream(raw: RawBody, onUse: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(
    {
      async pull(controller) {
        onUse();
        for (;;) {
          const parts = raw.take();
          if (parts === undefined) {
            controller.close();
            return;
          }
          for (const part of parts) controller.enqueue(new Uint8Array(part));
          if (parts.length > 0) return;
          await readyOf(raw);
        }
      },
      cancel(reason) {
        onUse();
        raw.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
