/** Options of {@link providerFetch}. */
export interface ProviderFetchOptions {
  /** The caller's own; it wins. */
  fetch?: typeof globalThis.fetch | undefined;
  /** An undici dispatcher, as a `ProxyAgent`; it stays the caller's. */
  dispatcher?: unknown;
}

/** A `fetch` and the way to free what it holds. */
export interface ProviderFetch {
  fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

export declare function providerFetch(options: ProviderFetchOptions): ProviderFetch;
/** Throws `invalid_options`, never telling the value, where a string cannot be a header's value. */
export declare function checkHeaderValue(name: string, value: string): void;
