import { request } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { abortReason, onAbort } from '../../src/kit/index.ts';
import { ForbiddenAddress, connect } from './connect.ts';
import type { Lookup } from './connect.ts';
import type { Fields } from './headers.ts';
import type { Policy } from './policy.ts';

/** A request that is ready to be sent. */
export interface Outgoing {
  readonly url: URL;
  readonly method: string;
  readonly headers: Fields;
  readonly body: string | undefined;
}

/** A whole response. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** What a request is sent with. */
export interface Limits {
  readonly policy: Policy;
  readonly lookup: Lookup;
  readonly maxResponseBytes: number;
}

/** Why there is no response: the request was not sent, or its response is too long. */
export class ExchangeError extends Error {}

/** The request was sent, but no whole response came. */
export class BrokenExchange extends Error {}

/**
 * Sends a request over a connection of its own, and reads the whole response. No redirect is followed, and nothing is decompressed.
 *
 * Rejects with an `ExchangeError`, a `BrokenExchange`, or the reason of the signal.
 */
export async function exchange(outgoing: Outgoing, limits: Limits, signal: AbortSignal): Promise<Answer> {
  const { url } = outgoing;
  const socket = await connect(url, limits.policy, limits.lookup, signal).catch((error: unknown) => {
    throw signal.aborted ? abortReason(signal) : notReached(url, error);
  });
  using _listening = onAbort(signal, (reason) => socket.destroy(reason));
  try {
    return await answerOf(sent(outgoing, socket), limits.maxResponseBytes);
  } catch (error) {
    if (signal.aborted) throw abortReason(signal);
    if (error instanceof ExchangeError) throw error;
    const why = `The connection to ${url.host} broke before the whole response came${codeOf(error)}.`;
    throw new BrokenExchange(why, { cause: error });
  } finally {
    socket.destroy();
  }
}

function sent({ url, method, headers, body }: Outgoing, socket: Socket): ClientRequest {
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const outgoing = request({
    method,
    path: url.pathname + url.search,
    headers: {
      ...headers,
      ...(bytes !== undefined && { 'content-length': bytes.length }),
      'accept-encoding': 'identity',
      host: url.host,
    },
    createConnection: () => socket,
  });
  outgoing.end(bytes);
  return outgoing;
}

async function answerOf(outgoing: ClientRequest, maxBytes: number): Promise<Answer> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).on('error', reject);
  });
  const coming: AsyncIterable<Uint8Array> = message;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of coming) {
    length += part.length;
    if (length > maxBytes)
      throw new ExchangeError(`HTTP ${message.statusCode}. The response is longer than ${maxBytes} bytes.`);
    parts.push(part);
  }
  return { status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(parts) };
}

function notReached({ host }: URL, error: unknown): ExchangeError {
  // The address is not named: it would tell the model about the network.
  if (error instanceof ForbiddenAddress)
    return new ExchangeError(`The host ${host} has an address that is not allowed.`, { cause: error });
  return new ExchangeError(`The host ${host} cannot be reached${codeOf(error)}.`, { cause: error });
}

/** The code of an error of the system or of TLS, such as `ECONNREFUSED`. Messages may name addresses. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^\w{1,60}$/.test(code) ? ` (${code})` : '';
}
