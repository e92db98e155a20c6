import type { Http2Settings } from '../options/http2-options.ts';
import type { PlainRequest } from './plain-request.ts';

/** Sends requests in place of the built-in `fetch`, until `release()`. */
export interface Sender {
  /** Rejects with the error of the socket, with the signal's reason, or with a `SluiceError` for a redirect. It has no timeouts. */
  send(request: PlainRequest): Promise<Response>;
  release(): Promise<void>;
}

/** Makes a sender if the runtime has one. If not, the built-in `fetch` is used. Without settings it does not use HTTP/2. */
export type LoadSender = (http2: Http2Settings | undefined) => Promise<Sender | undefined>;
