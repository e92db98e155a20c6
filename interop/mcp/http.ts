import type {
  FetchLike,
  JSONRPCMessage,
  RequestId,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { SluiceError } from '../../src/index.ts';
import { Tokens } from './auth.ts';
import type { HttpSettings } from './options.ts';

type ClientModule = typeof import('@modelcontextprotocol/client');

/** A connection to a server over streamable HTTP. */
export function httpTransport(settings: HttpSettings, client: ClientModule): StreamableHTTPClientTransport {
  const { url, auth, maxMessageBytes } = settings;
  let base: FetchLike = bounded(withHeaders(settings), maxMessageBytes);
  let authProvider: Tokens | undefined;
  if (auth !== undefined) {
    if ('dpop' in auth && auth.dpop !== undefined) base = client.withDpopFromProvider(auth)(base);
    authProvider = new Tokens(auth, client);
    base = authProvider.noting(base);
  }
  const Transport = answering(client);
  return new Transport(url, { fetch: base, ...(authProvider && { authProvider }) });
}

/** The headers go to the origin of the server alone, not to who gives the tokens. */
function withHeaders({ url, headers, fetch: own }: HttpSettings): FetchLike {
  const base: FetchLike = own ?? ((...request) => fetch(...request));
  if (headers === undefined) return base;
  return async (to, init) => {
    if (new URL(to).origin !== url.origin) return base(to, init);
    const all = new Headers(init?.headers);
    const given = typeof headers === 'function' ? await headers() : headers;
    // What the protocol needs, and a token, is not replaced.
    for (const [name, value] of Object.entries(given)) if (!all.has(name)) all.set(name, value);
    return base(to, { ...init, headers: all });
  };
}

/** What a request is answered with if its stream ends without its response. */
const GONE = { code: -32_000, message: 'The connection ended before the answer came.', data: { gone: true } };

/**
 * The transport of the official client, except that a request fails if its stream ends without its response, and that the stream of a cancelled request is closed. The official
 * one keeps both until their time is over.
 */
function answering(client: ClientModule): typeof StreamableHTTPClientTransport {
  return class extends client.StreamableHTTPClientTransport {
    /** What closes the streams of requests that have no answer yet. */
    readonly #open = new Map<RequestId, AbortController>();
    #heard: StreamableHTTPClientTransport['onmessage'];

    override async send(
      message: JSONRPCMessage | JSONRPCMessage[],
      options: SendOptions = {},
    ): Promise<void> {
      if (Array.isArray(message) || !('method' in message)) return super.send(message, options);
      if (!('id' in message)) {
        await super.send(message, options);
        if (message.method === 'notifications/cancelled') this.#cancel(message.params);
        return;
      }
      const { id } = message;
      this.#listen();
      const controller = new AbortController();
      this.#open.set(id, controller);
      const onRequestStreamEnd = (): void => {
        options.onRequestStreamEnd?.();
        if (this.#open.delete(id)) this.onmessage?.({ jsonrpc: '2.0', id, error: GONE });
      };
      const { requestSignal: given } = options;
      const requestSignal =
        given === undefined ? controller.signal : AbortSignal.any([given, controller.signal]);
      try {
        await super.send(message, { ...options, requestSignal, onRequestStreamEnd });
      } catch (error) {
        this.#open.delete(id);
        throw error;
      }
    }

    #cancel(params: Record<string, unknown> | undefined): void {
      const id = params?.['requestId'];
      if (typeof id !== 'string' && typeof id !== 'number') return;
      this.#open.get(id)?.abort();
      this.#open.delete(id);
    }

    /** The client sets its listener again when it has found out what the server speaks. */
    #listen(): void {
      const { onmessage } = this;
      if (onmessage === undefined || onmessage === this.#heard) return;
      this.#heard = (message) => {
        if (!('method' in message) && message.id !== undefined) this.#open.delete(message.id);
        onmessage.call(this, message);
      };
      this.onmessage = this.#heard;
    }
  };
}

type SendOptions = NonNullable<Parameters<StreamableHTTPClientTransport['send']>[1]>;

/** Ends a response whose body has a message that is longer than may be. Of a stream of events each counts for itself. */
function bounded(base: FetchLike, maxBytes: number): FetchLike {
  return async (url, init) => {
    const response = await base(url, init);
    const { body, status, statusText, headers } = response;
    if (body === null || !response.ok) return response;
    const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true;
    return new Response(body.pipeThrough(counting(isStream, maxBytes)), { status, statusText, headers });
  };
}

function counting(isStream: boolean, maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let size = 0;
  return new TransformStream({
    transform(bytes, controller) {
      const end = isStream ? lastEventEnd(bytes) : -1;
      size = end === -1 ? size + bytes.length : bytes.length - end;
      if (size <= maxBytes) controller.enqueue(bytes);
      else
        controller.error(
          new SluiceError(
            'protocol',
            `A message of the server is longer than ${maxBytes} bytes: see maxMessageBytes.`,
          ),
        );
    },
  });
}

const NEWLINE = 10;
const RETURN = 13;

/** Where the last empty line of some bytes ends; -1 if they have none. */
function lastEventEnd(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at > 0; at--) {
    if (bytes[at] !== NEWLINE) continue;
    const before = bytes[at - 1] === RETURN ? at - 2 : at - 1;
    if (bytes[before] === NEWLINE) return at + 1;
  }
  return -1;
}
