import type { OutgoingHttpHeaders } from 'node:http2';
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

/** The headers of a target. They are made once, because a program sends many requests to few targets. */
const made = new WeakMap<Target, OutgoingHttpHeaders>();

/** The headers of a request over HTTP/2, with the method, the address and the length of its body. */
export function requestHeaders(request: PlainRequest, length: number | undefined): OutgoingHttpHeaders {
  const { target, method } = request;
  const base = made.get(target) ?? targetHeaders(target);
  return length === undefined
    ? { ':method': method, ...base }
    : { ':method': method, ...base, 'content-length': length };
}

/** Whether a request names another host than that of its address. */
export function hasOwnHost({ headers }: Target): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === 'host') return true;
  return false;
}

function targetHeaders(target: Target): OutgoingHttpHeaders {
  const { origin, path, headers } = target;
  const { host, protocol } = new URL(origin);
  const base: OutgoingHttpHeaders = {
    ':authority': host,
    ':scheme': protocol.slice(0, -1),
    ':path': path,
  };
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!LEFT_OUT.has(name)) base[name] = headers[at + 1];
  }
  made.set(target, base);
  return base;
}
