import type { IncomingHttpHeaders } from 'node:http2';
import type { PlainRequest, Target } from '../plain-request.ts';

/** Headers of a connection, which HTTP/2 forbids (RFC 9113, section 8.2.2). The length is that of each body. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The longest headers of a request, as RFC 9113 counts them (section 6.5.2). nghttp2, which Node and many servers use, ends the connection at
 * headers above 64 kB, whether it sends or receives them.
 */
const MAX_REQUEST_HEADERS_BYTES = 65_535;

/** What each field counts in addition to its name and value. */
const FIELD_BYTES = 32;

/** The headers of a target. They are made once, because a program sends many requests to few targets. */
const made = new WeakMap<Target, readonly string[]>();

/**
 * The headers of a request over HTTP/2, names and values in turn, with the method, the address and the length of its body. A list, because Node
 * keeps the headers until the end of the stream, and an object of them is four times as large.
 */
export function requestHeaders(request: PlainRequest, length: number | undefined): string[] {
  const { target, method } = request;
  const base = made.get(target) ?? targetHeaders(target);
  // Not with a spread, which makes room for more.
  return [':method', method].concat(base, length === undefined ? [] : ['content-length', String(length)]);
}

/**
 * Whether a request cannot share a connection: it names another host than that of its address, or its headers are so long that the whole
 * connection could fail.
 */
export function needsOwnConnection({ headers, href }: Target): boolean {
  // The pseudo-headers, and the length of the body.
  let bytes = href.length + 6 * FIELD_BYTES;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at] === 'host') return true;
    bytes += (headers[at]?.length ?? 0) + (headers[at + 1]?.length ?? 0) + FIELD_BYTES;
  }
  return bytes > MAX_REQUEST_HEADERS_BYTES;
}

/** Whether the headers of a response are longer than `bytes`. */
export function areLonger(headers: IncomingHttpHeaders, bytes: number): boolean {
  let left = bytes;
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') left -= name.length + value.length;
    else for (const one of value ?? []) left -= name.length + one.length;
  }
  return left < 0;
}

function targetHeaders(target: Target): readonly string[] {
  const { origin, path, headers } = target;
  const { host, protocol } = new URL(origin);
  const base = [':authority', host, ':scheme', protocol.slice(0, -1), ':path', path];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!LEFT_OUT.has(name)) base.push(name, headers[at + 1] ?? '');
  }
  made.set(target, base);
  return base;
}
