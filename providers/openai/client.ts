import OpenAI from 'openai';

import { Endpoint, NEVER_MS, providerFetch, sdkCallOptions } from '../wire/index.ts';
import { withoutEnvironmentHeaders, type SdkCallOptions } from '../wire/index.ts';
import type { Settings } from './options.ts';

/** The options of one request on a client. */
export type OpenAICallOptions = SdkCallOptions;

/** One endpoint of the SDK, as far as it is used: the raw response of a `create`. */
export interface OpenAIEndpoint {
  create(body: object, options?: OpenAICallOptions): { asResponse(): Promise<Response> };
}

/** What is needed of a ready client: an `OpenAI` or `AzureOpenAI` of the `openai` package, or anything shaped like one. */
export interface OpenAIClient {
  readonly baseURL?: string;
  /** Read only so that it can be kept out of messages. */
  readonly apiKey?: string | null;
  chat: { completions: OpenAIEndpoint };
  responses: OpenAIEndpoint;
  close?(): void | Promise<void>;
}

/** The way to one endpoint. */
export interface Connection {
  /** Sends a request; the answer's body is not touched. */
  send(body: object, signal: AbortSignal): Promise<Response>;
  /** Frees what was made for it. */
  close(): Promise<void>;
}

/** Over the caller's client, or over one made from the options. */
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
 * Of the variables that the SDK reads from the environment none has an effect here: a base URL, a header or an administrator's key from there
 * could send to, or reach, a host that nobody named.
 */
function ownConnection(settings: Settings): Connection {
  const transport = providerFetch({ fetch: settings.fetch, dispatcher: settings.dispatcher });
  const sdk = new OpenAI({
    baseURL: settings.baseURL,
    // The SDK refuses to be made without a key; the header below decides what is sent.
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
  const path = settings.api === 'chat' ? '/chat/completions' : '/responses';
  const endpoint = new Endpoint(
    (headers) =>
      sdk.buildRequest({ method: 'post', path, body: {}, headers, stream: true, timeout: NEVER_MS }),
    transport,
  );
  return {
    send: (body, signal) => endpoint.post(body, NO_HEADERS, signal),
    close: () => transport.close(),
  };
}

const NO_HEADERS = {};

/** What must appear in no message: the key, and what may be one among the headers. */
export function secretsOf({ apiKey, headers, client }: Settings): string[] {
  const values = [apiKey, client?.apiKey, ...Object.values(headers).flatMap((value) => value.split(/\s+/))];
  return values.filter((value): value is string => typeof value === 'string' && value.length >= 8);
}

/** Set by the SDK or by us after the environment's, or named in another case below. */
const KEPT_HEADERS: ReadonlySet<string> = new Set(['authorization', 'accept', 'content-type', 'user-agent']);
