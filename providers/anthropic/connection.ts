import { SluiceError } from '../../src/index.ts';
import { loadPeer } from '../../src/kit/index.ts';
import {
  Endpoint,
  NEVER_MS,
  isRecord,
  loadedOnce,
  providerFetch,
  sdkCallOptions,
  text,
  withoutEnvironmentHeaders,
} from '../wire/index.ts';
import type { AnthropicCallOptions } from './client.ts';
import { DEFAULT_BASE_URL, isAnthropic, type Settings } from './options.ts';

/** The connection of a provider to its API. */
export interface Connection {
  /** Sends a request. Does not read the body of the response. */
  send(body: object, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** Asks how many tokens a request has. Rejects with `invalid_options` if the client has no method for that. */
  count(body: object, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** Strings that no message may show. */
  secrets: readonly string[];
  close(): Promise<void>;
}

/** Connects through the caller's client, or through one made from the options. */
export function connect(settings: Settings): Connection {
  const { client } = settings;
  if (client === undefined) return ownConnection(settings);
  return {
    send: (body, headers, signal) => client.messages.create(body, callOptions(headers, signal)).asResponse(),
    async count(body, headers, signal) {
      const counted = client.messages.countTokens?.(body, callOptions(headers, signal));
      if (counted !== undefined) return counted.asResponse();
      throw new SluiceError(
        'invalid_options',
        'The client has no messages.countTokens(): pass a client that has it.',
      );
    },
    secrets: secretsOf(client),
    close: async () => (settings.own ? await client.close?.() : undefined),
  };
}

function callOptions(headers: Record<string, string>, signal: AbortSignal): AnthropicCallOptions {
  return { ...sdkCallOptions(signal), headers };
}

/**
 * The environment variables that the SDK reads have no effect here. A base URL, a header or another credential from there
 * could send a request to a host that nobody named, or as somebody else.
 */
function ownConnection(settings: Settings): Connection {
  const { apiKey, baseURL = DEFAULT_BASE_URL } = settings;
  const { fetch, dispatcher, http2 } = settings;
  const transport = providerFetch({ fetch, dispatcher, http2 });
  const sdk = loadedOnce(async () => {
    const { Anthropic } = await loadPeer(PEER, () => import('@anthropic-ai/sdk'));
    return new Anthropic({
      baseURL,
      // Without a key the SDK would look for other credentials. The header below decides what is sent.
      apiKey: apiKey ?? 'none',
      webhookKey: null,
      maxRetries: 0,
      timeout: NEVER_MS,
      logLevel: 'off',
      openTelemetry: false,
      fetch: transport.fetch,
      defaultHeaders: {
        ...withoutEnvironmentHeaders('ANTHROPIC_CUSTOM_HEADERS', KEPT_HEADERS),
        ...credentials(apiKey, baseURL),
      },
    });
  });
  const endpointOf = (path: string, stream: boolean): Endpoint =>
    new Endpoint(async function build(headers) {
      const request = { method: 'post', path, body: {}, headers, stream, timeout: NEVER_MS } as const;
      return (await sdk()).buildRequest(request);
    }, transport);
  const messages = endpointOf('/v1/messages', true);
  // Not by the SDK, which would read the body of an error for as long as it comes.
  const counts = endpointOf('/v1/messages/count_tokens', false);
  return {
    send: (body, headers, signal) => messages.post(body, headers, signal),
    count: (body, headers, signal) => counts.post(body, headers, signal),
    secrets: apiKey === undefined ? [] : [apiKey],
    close: () => transport.close(),
  };
}

const PEER = { neededBy: 'anthropic()', name: '@anthropic-ai/sdk', range: '^1.11.0' };

/** Servers that imitate the API know only its older header. */
function credentials(apiKey: string | undefined, baseURL: string): Record<string, string | null> {
  if (apiKey === undefined) return { authorization: null };
  return isAnthropic(baseURL) ? {} : { 'x-api-key': apiKey };
}

/** Headers that the SDK or we set after those of the environment. */
const KEPT_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'authorization',
  'content-type',
  'user-agent',
  'anthropic-version',
]);

function secretsOf(client: object): string[] {
  if (!isRecord(client)) return [];
  return [client['apiKey'], client['authToken']]
    .map(text)
    .filter((secret) => secret !== undefined && secret !== '')
    .map(String);
}
