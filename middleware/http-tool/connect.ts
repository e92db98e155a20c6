import { lookup as systemLookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect as connectTcp, isIP, isIPv6 } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { abortable, onAbort } from '../../src/kit/index.ts';
import { addressOf } from './policy.ts';
import type { Policy } from './policy.ts';

/** Resolves a name to addresses. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** The resolver of the system. */
export const lookupBySystem: Lookup = async (hostname) => {
  const found = await systemLookup(hostname, { all: true });
  return found.map(({ address }) => address);
};

/** The host of a URL is, or resolves to, an address that is not allowed. */
export class ForbiddenAddress extends Error {}

/**
 * Connects to the host of a URL. Its name is looked up once, and only an address that the policy allows is connected to. Whatever a runtime does with the
 * addresses that it is given, the address of the connection is checked once more before anything is sent.
 *
 * Rejects with `ForbiddenAddress`, with the error of the resolver or the socket, or with the reason of the signal.
 */
export async function connect(
  url: URL,
  policy: Policy,
  lookup: Lookup,
  signal: AbortSignal,
): Promise<Socket> {
  const literal = addressOf(url);
  const addresses = literal === undefined ? await abortable(lookup(url.hostname), signal) : [literal];
  if (addresses.length === 0 || !addresses.every((address) => policy.allowsAddress(address)))
    throw new ForbiddenAddress();
  const socket = connectTcp({
    host: literal ?? url.hostname,
    port: Number(url.port || DEFAULT_PORT[url.protocol]),
    lookup: lookupOf(addresses),
    autoSelectFamily: true,
  });
  socket.on('error', ignore);
  const listening = onAbort(signal, (reason) => socket.destroy(reason));
  try {
    await once(socket, 'connect');
    if (!policy.allowsAddress(socket.remoteAddress ?? '')) throw new ForbiddenAddress();
    return url.protocol === 'https:' ? await secured(socket, literal ?? url.hostname, signal) : socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    listening[Symbol.dispose]();
  }
}

const DEFAULT_PORT: Readonly<Partial<Record<string, number>>> = { 'http:': 80, 'https:': 443 };

/** A lookup that knows the answer. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_hostname, options, callback) => {
    const [first] = found;
    if (options.all === true || first === undefined) callback(null, found);
    else callback(null, first.address, first.family);
  };
}

async function secured(socket: Socket, host: string, signal: AbortSignal): Promise<Socket> {
  const isName = isIP(host) === 0;
  const secure = connectTls({
    socket,
    host,
    ...(isName && { servername: host }),
    ALPNProtocols: ['http/1.1'],
  });
  secure.on('error', ignore);
  using _listening = onAbort(signal, (reason) => secure.destroy(reason));
  await once(secure, 'secureConnect');
  return secure;
}

/** Whoever waits for the socket gets its error, too. */
function ignore(): void {
  return undefined;
}
