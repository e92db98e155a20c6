/** How long it may take to connect. */
export const CONNECT_TIMEOUT_MS = 10_000;

/** The longest headers of a response, in bytes. Those of servers behind a few proxies have some kB. */
export const MAX_RESPONSE_HEADERS_BYTES = 128 * 1024;

/**
 * Options of an undici agent for HTTP/1.1, with one connection for each stream, without a limit on their number: a reset or a slow reader then
 * affects no other stream. The only timeout is for the connect: all others are the pipeline's. Idle connections do not keep the process
 * alive.
 */
export const HTTP1_OPTIONS = {
  allowH2: false,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
  maxHeaderSize: MAX_RESPONSE_HEADERS_BYTES,
};
