import { SluiceError } from '../../../src/index.ts';

/** The address and the headers of a request. */
export interface Target {
  href: string;
  origin: string;
  /** Includes the query. */
  path: string;
  /** Names and values in turn. */
  headers: string[];
}

/** A request that `dispatchRequest()` can send: its address is text, and its body is completely in memory. */
export interface PlainRequest {
  target: Target;
  method: string;
  body: string | Uint8Array | null;
  signal: AbortSignal | undefined;
}

/** Checks an address and headers. Throws `invalid_options` if they are not valid. */
export function targetOf(input: string | URL, headers: RequestInit['headers']): Target {
  const { href, origin, pathname, search } = addressOf(input);
  return { href, origin, path: pathname + search, headers: headerList(headers) };
}

/** The arguments of `fetch` as a plain request. Undefined if only a real `fetch` can send them (forms, streams). */
export function plainRequest(input: string | URL | Request, init: RequestInit): PlainRequest | undefined {
  if (typeof input !== 'string' && !(input instanceof URL)) return undefined;
  const body = plainBody(init.body);
  if (body === undefined) return undefined;
  return {
    target: targetOf(input, init.headers),
    method: init.method?.toUpperCase() ?? 'GET',
    body,
    signal: init.signal ?? undefined,
  };
}

function plainBody(body: unknown): string | Uint8Array | null | undefined {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  return undefined;
}

function addressOf(input: string | URL): URL {
  const url = typeof input === 'string' && !URL.canParse(input) ? undefined : new URL(input);
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SluiceError(
      'invalid_options',
      'The base URL is not an http or https URL: give one such as https://api.example.com/v1.',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new SluiceError(
      'invalid_options',
      'The base URL holds a user name or password: give them as headers.',
    );
  }
  return url;
}

function headerList(headers: RequestInit['headers']): string[] {
  const list: string[] = [];
  if (headers === undefined) return list;
  // The constructor refuses a value that could end a header too soon, but its message holds the value.
  const all = headers instanceof Headers ? headers : checkedHeaders(headers);
  for (const [name, value] of all) list.push(name, value);
  return list;
}

function checkedHeaders(headers: NonNullable<RequestInit['headers']>): Headers {
  try {
    return new Headers(headers);
  } catch {
    throw new SluiceError('invalid_options', 'A request header has an invalid name or value.');
  }
}
