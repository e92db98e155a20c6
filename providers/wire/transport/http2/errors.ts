/** An error of an HTTP/2 connection or stream. Its code says what kind it is, as those of Node's own errors do. */
export class Http2Error extends Error {
  override readonly name = 'Http2Error';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A stream that ended before its response was complete. `rstCode` is what Node says about its end. */
export function brokenStream(rstCode: number): Http2Error {
  const name = RST_NAMES[rstCode] ?? String(rstCode);
  return new Http2Error(
    'ERR_HTTP2_STREAM_ERROR',
    `The HTTP/2 stream ended before its response was complete (${name}).`,
  );
}

/** A response whose headers are too long. The code is that of undici for HTTP/1.1. */
export function longHeaders(bytes: number): Http2Error {
  return new Http2Error(
    'UND_ERR_HEADERS_OVERFLOW',
    `The headers of the response have more than ${bytes} bytes.`,
  );
}

/** The server refused a request each time, without processing it. */
export function refusedStream(): Http2Error {
  return new Http2Error('ERR_HTTP2_REFUSED_STREAM', 'The server refused the HTTP/2 stream.');
}

/** A connection on which nothing came, not even the answer to a ping. */
export function silentConnection(): Http2Error {
  return new Http2Error('ERR_HTTP2_PING_TIMEOUT', 'The HTTP/2 connection did not answer a ping.');
}

/** A connection that took too long. */
export function connectTimeout(host: string, ms: number): Http2Error {
  return new Http2Error('UND_ERR_CONNECT_TIMEOUT', `Connecting to ${host} took more than ${ms} ms.`);
}

/** The transport was closed. */
export function closedTransport(): Http2Error {
  return new Http2Error('UND_ERR_DESTROYED', 'The transport was closed.');
}

/** RFC 9113, section 7. */
const RST_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];
