import { SluiceError } from '../../../src/index.ts';
import { dispatchRequest, plainRequest, type Dispatches, type Target } from './dispatch-fetch.ts';
import { globalDispatcher, useShared, loadUndici, ownDispatcher } from './shared-dispatcher.ts';
import type { LoadUndici, Undici, UsedDispatcher } from './shared-dispatcher.ts';

/** Options of {@link providerFetch}. */
export interface ProviderFetchOptions {
  /** The caller's own function, which takes precedence. Redirects are refused there, too. */
  fetch?: typeof globalThis.fetch | undefined;
  /** An undici 8 dispatcher, such as a `ProxyAgent`. It is not closed here. */
  dispatcher?: unknown;
}

/** A `fetch`, with a way to release what it holds. */
export interface ProviderFetch {
  fetch: typeof globalThis.fetch;
  /** Does the same for a body that is text and a target that was checked before. */
  post(target: Target, body: string, signal: AbortSignal): Promise<Response>;
  /** Releases what it made. Calls that are still running fail, and later calls are refused. */
  close(): Promise<void>;
}

/**
 * A `fetch` for the SDKs. If the package undici is installed, it uses `dispatch` (one shared dispatcher, HTTP/1.1,
 * connections that are kept alive); otherwise it uses Node's own `fetch`. It follows no redirects, decodes gzip, deflate,
 * br and zstd, and has no timeouts of its own. As for Node's own `fetch`, `HTTP_PROXY` and the like count only with
 * `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`. A dispatcher that the program set with undici's `setGlobalDispatcher()`
 * before the first request is used, unless it is a plain `Agent`. Throws `invalid_options` if `dispatcher` is not a
 * dispatcher.
 */
export function providerFetch(options: ProviderFetchOptions, load: LoadUndici = loadUndici): ProviderFetch {
  const own = options.dispatcher === undefined ? undefined : ownDispatcher(options.dispatcher);
  if (options.fetch !== undefined) return strictFetch(options.fetch);
  let used: UsedDispatcher | undefined = own;
  let loading: ReturnType<LoadUndici> | undefined;
  let closed = false;

  async function loaded(): Promise<UsedDispatcher | undefined> {
    loading ??= load();
    const undici = await loading;
    if (undici !== undefined && !closed) used ??= dispatcherFor(undici);
    return used;
  }

  async function usedDispatcher(): Promise<Dispatches | undefined> {
    if (closed) throw closedError();
    const { dispatcher } = used ?? (await loaded()) ?? {};
    if (closed) throw closedError();
    return dispatcher;
  }

  return {
    async post(target, body, signal) {
      const dispatcher = await usedDispatcher();
      if (dispatcher === undefined) return fetchTarget(globalThis.fetch, target, body, signal);
      return dispatchRequest(dispatcher, { target, method: 'POST', body, signal });
    },
    async fetch(input, init = {}) {
      const dispatcher = await usedDispatcher();
      const request = dispatcher === undefined ? undefined : plainRequest(input, init);
      if (dispatcher !== undefined && request !== undefined) return dispatchRequest(dispatcher, request);
      // Node's own fetch does not use the caller's proxy, and no request may bypass it.
      if (own !== undefined) {
        throw new SluiceError(
          'invalid_request',
          'A body that is a form or a stream cannot go through a dispatcher.',
        );
      }
      return globalThis.fetch(input, { ...init, redirect: 'error' });
    },
    async close() {
      closed = true;
      await used?.release();
    },
  };
}

/** The dispatcher that the program set for all its requests, else the shared one. */
function dispatcherFor(undici: Undici): UsedDispatcher {
  const set = globalDispatcher(undici);
  return set === undefined ? useShared(undici) : ownDispatcher(set);
}

/** The caller's `fetch` without redirects. */
function strictFetch(fetch: typeof globalThis.fetch): ProviderFetch {
  return {
    fetch: (input, init) => fetch(input, { ...init, redirect: 'error' }),
    post: (target, body, signal) => fetchTarget(fetch, target, body, signal),
    close: async () => undefined,
  };
}

async function fetchTarget(
  fetch: typeof globalThis.fetch,
  { href, headers }: Target,
  body: string,
  signal: AbortSignal,
): Promise<Response> {
  const named = new Headers();
  for (let at = 0; at + 1 < headers.length; at += 2) named.append(headers[at] ?? '', headers[at + 1] ?? '');
  return fetch(href, { method: 'POST', headers: named, body, signal, redirect: 'error' });
}

function closedError(): SluiceError {
  return new SluiceError('shutting_down', 'The provider is closed.');
}
