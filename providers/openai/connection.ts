import { loadPeer } from '../../src/kit/index.ts';
import {
  Endpoint,
  NEVER_MS,
  loadedOnce,
  providerFetch,
  sdkCallOptions,
  withoutEnvironmentHeaders,
} from '../wire/index.ts';
import type { Settings } from './options.ts';

/** The connection of a provider to its API. */
export interface Connection {
  /** Sends a request. Does not read the body of the response. */
  send(body: object, signal: AbortSignal): Promise<Response>;
  /** Releases what was made for the connection. */
  close(): Promise<void>;
}

/** Connects through the caller's client, or through one made from the options. */
export function connect(settings: Settings): Connection {
  const { client, api } = settings;
  if (client === undefined) return ownConnection(settings);
  const endpoint = api === 'chat' ? client.chat.completions : client.responses;
  return {
    send: (body, signal) => endpoint.create(body, sdkCallOptions(signal)).asResponse(),
    close: async () => (settings.own ? await client.close?.() : undefined),
  };
}

/**
 * The environment variables that the SDK reads have no effect here. A base URL, a header or an administrator's key from
 * there could reach a host that nobody named.
 */
function ownConnection(settings: Settings): Connection {
  const { fetch, dispatcher, http2 } = settings;
  const transport = providerFetch({ fetch, dispatcher, http2 });
  const path = settings.api === 'chat' ? '/chat/completions' : '/responses';
  const sdk = loadedOnce(async () => {
    const { OpenAI } = await loadPeer(PEER, () => import('openai'));
    return new OpenAI({
      baseURL: settings.baseURL,
      // The SDK requires a key. The header below decides what is sent.
      apiKey: settings.apiKey ?? 'none',
      adminAPIKey: null,
      organization: settings.organization ?? null,
      project: settings.project ?? null,
      webhookSecret: null,
      logLevel: 'off',
      fetch: transport.fetch,
      defaultHeaders: {
        ...withoutEnvironmentHeaders('OPENAI_CUSTOM_HEADERS', KEPT_HEADERS),
        Authorization: settings.apiKey === undefined ? null : `Bearer ${settings.apiKey}`,
        ...settings.headers,
      },
    });
  });
  const endpoint = new Endpoint(async function build(headers) {
    const request = { method: 'post', path, body: {}, headers, stream: true, timeout: NEVER_MS } as const;
    return (await sdk()).buildRequest(request);
  }, transport);
  return {
    send: (body, signal) => endpoint.post(body, NO_HEADERS, signal),
    close: () => transport.close(),
  };
}

const PEER = { neededBy: 'openai()', name: 'openai', range: '^7.55.0' };

const NO_HEADERS = {};

/** Strings that no message may show: the key, and values of headers that may be keys. */
export function secretsOf({ apiKey, headers, client }: Settings): string[] {
  const values = [apiKey, client?.apiKey, ...Object.values(headers).flatMap((value) => value.split(/\s+/))];
  return values.filter((value): value is string => typeof value === 'string' && value.length >= 8);
}

/** Headers that the SDK or we set after those of the environment, some of them below in another case. */
const KEPT_HEADERS: ReadonlySet<string> = new Set(['authorization', 'accept', 'content-type', 'user-agent']);
