/** Plain JSON data of a provider, by the name of the provider. */
export type ProviderData = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * What is used of a language model of the Vercel AI SDK, of specification V3 or V4. The models of all `@ai-sdk/*` packages have this shape, so that
 * none of those packages is needed for the types.
 */
export interface AISDKModel {
  readonly specificationVersion: 'v3' | 'v4';
  /** The package's name for the service and its API, such as `google.generative-ai`. */
  readonly provider: string;
  readonly modelId: string;
  /** The addresses that the service reads by itself, by media type. */
  readonly supportedUrls?: SupportedUrls | PromiseLike<SupportedUrls>;
  doStream(options: object): PromiseLike<AISDKStream>;
}

/** Patterns of addresses, by media type. */
export type SupportedUrls = Readonly<Record<string, readonly RegExp[]>>;

/** What a model answers a call with. */
export interface AISDKStream {
  stream: ReadableStream<unknown>;
  request?: { body?: unknown };
  response?: { headers?: Record<string, string> };
}

/** The first word of the name of a model's provider: the name of its package, which `providerOptions` and metadata are keyed by. */
export function packageOf({ provider }: Pick<AISDKModel, 'provider'>): string {
  return provider.split('.', 1)[0] || provider;
}
