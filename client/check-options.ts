import { CodedError } from '../src/index.ts';
import type { ClientOptions } from './options.ts';
import { noBodyError } from './sse.ts';
import type { Requests } from './requests.ts';
import { isRecord } from './wire.ts';

/** What each option is, as `typeof` says it. */
const KINDS: Readonly<Record<keyof ClientOptions, string>> = {
  url: 'string',
  path: 'string',
  token: 'string or function',
  headers: 'object',
  fetch: 'function',
  reconnect: 'object',
  silenceMs: 'number',
  transport: 'function',
  include: 'object',
};

/** What requests need, from the options of a client. Throws `invalid_options`. */
export function checkOptions(options: ClientOptions): Requests {
  const kinds: Readonly<Record<string, string | undefined>> = KINDS;
  for (const [name, value] of Object.entries(options)) {
    const kind = kinds[name];
    if (kind === undefined) throw wrong(name, `not an option: give ${Object.keys(KINDS).join(', ')}`);
    if (value !== undefined && !kind.includes(typeof value))
      throw wrong(name, `of the type ${typeof value}: give a ${kind}`);
  }
  const { token, headers, silenceMs = 30_000, include = ['cost', 'warnings'] } = options;
  return {
    base: baseOf(options),
    fetch: options.fetch ?? ownFetch(options),
    silenceMs,
    include,
    headers: async () => {
      const said = typeof token === 'function' ? await token() : token;
      return { ...headers, ...(said !== undefined && { authorization: `Bearer ${said}` }) };
    },
  };
}

function wrong(name: string, problem: string): CodedError {
  return new CodedError('invalid_options', `createClient(): ${name} is ${problem}.`);
}

function baseOf({ url, path = '/api/v1' }: ClientOptions): string {
  // Where the page is that the script runs in, if it is one.
  const place: unknown = Reflect.get(globalThis, 'location');
  try {
    return new URL(path, url ?? (isRecord(place) ? String(place['origin']) : '')).href.replace(/\/$/, '');
  } catch {
    throw wrong('url', 'not an address: give one such as "https://chat.example.com"');
  }
}

/** The runtime's own `fetch`, if it can give a body while it comes, or streams do not come by it: the `Response` of React Native has none. */
function ownFetch({ transport }: ClientOptions): typeof fetch {
  if (typeof fetch !== 'function' || !(transport || 'body' in Response.prototype)) throw noBodyError();
  return (input, init) => fetch(input, init);
}
