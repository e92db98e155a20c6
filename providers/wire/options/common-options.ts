import * as z from 'zod';

import { addressOf } from '../origin.ts';
import { isHeaderLine, isHeaderName, isHeaderValue, isHttpUrl } from './option-checks.ts';
import { environmentValue } from './environment.ts';
import { http2Schema, type Http2Options } from './http2-options.ts';
import { limitsSchema, type Limits } from './limits.ts';

/** The options of every provider that calls a server over HTTP. `Client` is the client of the vendor's SDK. */
export interface CommonOptions<Client> {
  /** The model, if the request names none. Default: `gpt-6-luna` for `openai()`, `claude-opus-5-5` for `anthropic()`. */
  model?: string | undefined;
  /**
   * The key, which is sent to the host of `baseURL`, whichever that is. Default: `OPENAI_API_KEY` or `ANTHROPIC_API_KEY` of the
   * environment. A host other than the vendor's own may need none.
   */
  apiKey?: string | undefined;
  /**
   * The address of the API. Default: `https://api.openai.com/v1` or `https://api.anthropic.com`. The SDKs' variables
   * `OPENAI_BASE_URL` and `ANTHROPIC_BASE_URL` are not read.
   */
  baseURL?: string | undefined;
  /** Headers to add to each request. */
  headers?: Record<string, string> | undefined;
  /**
   * A client of the vendor's SDK, such as the one for Azure, Bedrock or Vertex. It takes the place of the key, the address and the
   * transport. It is asked not to retry, and keeps its other settings, such as that of its log.
   */
  client?: Client | undefined;
  /** Whether the provider closes `client` when it is closed itself. Default: false. */
  own?: boolean | undefined;
  /** The function to send requests with, in place of the built-in transport. */
  fetch?: typeof globalThis.fetch | undefined;
  /** An undici dispatcher, such as a `ProxyAgent`, for the built-in transport. Not together with `fetch`. The provider does not close it. */
  dispatcher?: unknown;
  /**
   * Whether the built-in transport uses HTTP/2 where the server offers it, and how. `SLUICE_HTTP2=0` in the environment turns it off for
   * all providers. Default: true.
   */
  http2?: boolean | Http2Options | undefined;
  /** Whether the endpoint can stream. If false, the whole reply comes as one batch. Default: true. */
  stream?: boolean | undefined;
  /** The most that one call may take up. */
  limits?: Partial<Limits> | undefined;
  /**
   * Whether a part of a request that the provider cannot send is an error instead of a warning. The error comes before anything is
   * sent. A request can set this for itself. Default: false.
   */
  strict?: boolean | undefined;
  /** The provider's name in prices, errors and `providerOptions`, such as `groq` or `bedrock`. Default: `openai` or `anthropic`. */
  name?: string | undefined;
}

/** The common options after the check, with their defaults. */
export interface CommonSettings<Client> {
  model: string;
  apiKey: string | undefined;
  /** Undefined if the caller passed a client that does not tell its address. */
  baseURL: string | undefined;
  headers: Record<string, string>;
  client: Client | undefined;
  own: boolean;
  fetch: typeof globalThis.fetch | undefined;
  dispatcher: unknown;
  http2: boolean | Http2Options | undefined;
  stream: boolean;
  limits: Limits;
  strict: boolean;
  name: string;
  /** The address, without credentials, if `name` is the default one. */
  server: string | undefined;
}

/** What the common options of one vendor differ in. */
export interface Vendor {
  /** The default of `name`. */
  name: string;
  /** The default of `model`. */
  model: string;
  /** The default of `baseURL`. */
  baseURL: string;
  /** The environment variable that holds the key. Undefined: no key is read from there. */
  keyVariable: string | undefined;
  /** Whether an address is the vendor's own, which requires a key. */
  needsKey(baseURL: string): boolean;
  /** Properties that a client of the vendor's SDK has. */
  clientProperties: readonly string[];
  /** What to pass as `client`. */
  clientAdvice: string;
  /** Options that make no sense with a `client`, because it has its own. */
  clientOwns: readonly string[];
}

/** The fields of a strict zod object for the common options. */
export function commonFields<Client>({ baseURL, clientProperties, clientAdvice }: Vendor) {
  const isClient = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && clientProperties.every((name) => name in value);
  const address = `give an http or https address, or leave it out for ${baseURL}`;
  return {
    model: notBlank('give the name of a model').optional(),
    apiKey: headerLine('give the key as one line without spaces around it').optional(),
    baseURL: z.string(address).refine(isHttpUrl, address).optional(),
    headers: z
      .record(z.string().refine(isHeaderName), z.string().refine(isHeaderValue, 'give a value of one line'), {
        error: ({ code }) => (code === 'invalid_key' ? 'give a name that HTTP allows' : undefined),
      })
      .optional(),
    client: z.custom<Client>(isClient, clientAdvice).optional(),
    own: z.boolean().optional(),
    fetch: z
      .custom<typeof globalThis.fetch>(isFunction, 'give a function such as globalThis.fetch')
      .optional(),
    dispatcher: z.unknown().optional(),
    http2: http2Schema.optional(),
    stream: z.boolean().optional(),
    limits: limitsSchema.prefault({}),
    strict: z.boolean().optional(),
    name: notBlank('give a name that is not empty').optional(),
  };
}

/** Checks the common options against each other, after each of them was checked alone. */
export function checkCommonOptions(
  given: Omit<CommonOptions<object>, 'limits'>,
  vendor: Vendor,
  context: z.RefinementCtx,
): void {
  const wrong = (field: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (given.client !== undefined) {
    for (const [field, value] of Object.entries(given)) {
      if (value === undefined || !vendor.clientOwns.includes(field)) continue;
      wrong(field, `client has its own ${field}, leave one of the two out`);
    }
    return;
  }
  if (given.fetch !== undefined && given.dispatcher !== undefined)
    wrong('dispatcher', 'fetch would not use it, leave one of the two out');
  for (const field of ['fetch', 'dispatcher'] as const) {
    if (given[field] !== undefined && given.http2 !== undefined)
      wrong('http2', `${field} would not use it, leave one of the two out`);
  }
  if (given.own === true) wrong('own', 'there is no client to close, give a client or leave own out');
  if (given.apiKey !== undefined) return;
  const { keyVariable } = vendor;
  const apiKey = keyOf(vendor);
  if (apiKey === undefined && vendor.needsKey(given.baseURL ?? vendor.baseURL)) {
    const orSet = keyVariable === undefined ? '' : `, or set ${keyVariable} in the environment`;
    wrong('apiKey', `give the key${orSet}`);
  } else if (apiKey !== undefined && !isHeaderLine(apiKey)) {
    wrong('apiKey', `${keyVariable} in the environment cannot be sent in a header, set it to one line`);
  }
}

/** Adds the defaults to common options that were checked. */
export function commonSettings<Client extends { readonly baseURL?: string }>(
  given: Omit<CommonOptions<Client>, 'limits'> & { limits: Limits },
  vendor: Vendor,
): CommonSettings<Client> {
  const { client } = given;
  const baseURL = client === undefined ? (given.baseURL ?? vendor.baseURL) : client.baseURL;
  return {
    model: given.model ?? vendor.model,
    apiKey: client === undefined ? (given.apiKey ?? keyOf(vendor)) : undefined,
    baseURL,
    headers: given.headers ?? {},
    client,
    own: given.own ?? false,
    fetch: given.fetch,
    dispatcher: given.dispatcher,
    http2: given.http2,
    stream: given.stream ?? true,
    limits: given.limits,
    strict: given.strict ?? false,
    name: given.name ?? vendor.name,
    server: given.name === undefined ? addressOf(baseURL) : undefined,
  };
}

function keyOf({ keyVariable }: Vendor): string | undefined {
  return keyVariable === undefined ? undefined : environmentValue(keyVariable);
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

/** A string that is not blank. */
function notBlank(advice: string): z.ZodString {
  return z.string(advice).refine((value) => value.trim() !== '', advice);
}

/** A string that can be sent as a header as it is. */
export function headerLine(advice: string): z.ZodString {
  return z.string(advice).refine(isHeaderLine, advice);
}
