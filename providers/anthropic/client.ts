import { Anthropic } from '@anthropic-ai/sdk';

import { SluiceError } from '../../src/index.ts';
import { Endpoint, NEVER_MS, isRecord, providerFetch, sdkCallOptions, text } from '../wire/index.ts';
import { withoutEnvironmentHeaders, type SdkCallOptions } from '../wire/index.ts';
import { DEFAULT_BASE_URL, isAnthropic, type Settings } from './options.ts';

/** The options of one request on a client. */
export interface AnthropicCallOptions extends SdkCallOptions {
  headers?: Record<string, string>;
}

/**
 * What is needed of a ready client: an `Anthropic`, `AnthropicBedrock` or `AnthropicVertex` of Anthropic's packages, or
 * anything shaped like one.
 */
export interface AnthropicClient {
  readonly baseURL?: string;
  readonly messages: {
    create(body: object, options?: AnthropicCallOptions): { asResponse(): Promise<Response> };
    countTokens?(body: object, options?: AnthropicCallOptions): { asResponse(): Promise<Response> };
  };
  close?(): void | Promise<void>;
}

/** A client with what a call needs to know of it. */
export interface Connection {
  /** Sends a request; the answer's body is not touched. */
  send(body: object, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** Asks how many tokens a request has. Rejects with `invalid_options` where the client has no such verb. */
  count(body: object, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** What must not appear in any message. */
  secrets: readonly string[];
  close(): Promise<void>;
}

/** The caller's client, or one made from the options. */
export function connect(settings: Settings): Connection {
  const { client } = settings;
  if (client === undefined) return ownConnection(settings);
  return {
    send: (body, headers, signal) => client.messages.create(body, callOptions(headers, signal)).asResponse(),
    async count(body, headers, signal) {
      const counted = client.messages.countTokens?.(body, callOptions(headers, signal));
      if (counted !== undefined) return counted.asResponse();
      throw new SluiceError('invalid_options', 'The client has no messages.countTokens(): count otherwise.');
    },
    secrets: secretsOf(client),
    close: async () => (settings.own ? await client.close?.() : undefined),
  };
}

function callOptions(headers: Record<string, string>, signal: AbortSignal): AnthropicCallOptions {
  return { ...sdkCallOptions(signal), headers };
}

/**
 * Of the variables that the SDK reads from the environment none has an effect here: a base URL, a header or another
 * credential from there could send to a host that nobody named, or as somebody else.
 */
function ownConnection(settings: Settings): Connection {
  const { apiKey, baseURL = DEFAULT_BASE_URL } = settings;
  const transport = providerFetch({ fetch: settings.fetch, dispatcher: settings.dispatcher });
  const sdk = new Anthropic({
    baseURL,
    // Without one the SDK would look for other credentials; the header below decides what is sent.
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
  const endpoint = new Endpoint(
    (headers) =>
      sdk.buildRequest({
        method: 'post',
        path: '/v1/messages',
        body: {},
        headers,
        stream: true,
        timeout: NEVER_MS,
      }),
    transport,
  );
  return {
    send: (body, headers, signal) => endpoint.post(body, headers, signal),
    count: (body, headers, signal) =>
      sdk.post('/v1/messages/count_tokens', { body, ...callOptions(headers, signal) }).asResponse(),
    secrets: apiKey === undefined ? [] : [apiKey],
    close: () => transport.close(),
  };
}

/** Servers that only imitate the API know its older header alone. */
function credentials(apiKey: string | undefined, baseURL: string): Record<string, string | null> {
  if (apiKey === undefined) return { authorization: null };
  return isAnthropic(baseURL) ? {} : { 'x-api-key': apiKey };
}

/** Set by the SDK or by us behind those of the environment. */
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
