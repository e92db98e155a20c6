import { SluiceError } from '../../../src/index.ts';
import { loadSender, ownSender } from './dispatch-sender.ts';
import { plainRequest, type Target } from './plain-request.ts';
import { http2Settings, type Http2Options } from '../options/http2-options.ts';
import { fetchWithoutRedirect } from './redirects.ts';
import type { LoadSender, Sender } from './sender.ts';

/** Options of {@link providerFetch}. */
export interface ProviderFetchOptions {
  /** The caller's own function, which takes precedence. Redirects are refused there, too. */
  fetch?: typeof globalThis.fetch | undefined;
  /** An undici 8 dispatcher, such as a `ProxyAgent`. It is not closed here. */
  dispatcher?: unknown;
  /** Whether to use HTTP/2 without a dispatcher, and how. Default: true. */
  http2?: boolean | Http2Options | undefined;
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
 * A `fetch` for the SDKs. If the package undici is installed, all of them share connections that are kept alive, over HTTP/2 where the server
 * offers it; otherwise, and in runtimes where undici cannot send, it uses the built-in `fetch`. It follows no redirects, decodes gzip, deflate, br and zstd, and has no timeouts of its own. As for Node's own `fetch`, `HTTP_PROXY` and the like count only with
 * `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`. A dispatcher that the program set with undici's `setGlobalDispatcher()`
 * before the first request is used, unless it is a plain `Agent`. Throws `invalid_options` if `dispatcher` is not a
 * dispatcher.
 */
export function providerFetch(options: ProviderFetchOptions, load: LoadSender = loadSender): ProviderFetch {
  const own = options.dispatcher === undefined ? undefined : ownSender(options.dispatcher);
  if (options.fetch !== undefined) return strictFetch(options.fetch);
  let used: Sender | undefined = own;
  let loading: ReturnType<LoadSender> | undefined;
  let closed = false;

  async function loaded(): Promise<Sender | undefined> {
    loading ??= load(http2Settings(options.http2));
    const sender = await loading;
    if (closed) await sender?.release();
    else used ??= sender;
    return used;
  }

  async function usedSender(): Promise<Sender | undefined> {
    if (closed) throw closedError();
    const sender = used ?? (await loaded());
    if (closed) throw closedError();
    return sender;
  }

  return {
    async post(target, body, signal) {
      const sender = await usedSender();
      if (sender === undefined) return fetchTarget(globalThis.fetch, target, body, signal);
      return sender.send({ target, method: 'POST', body, signal });
    },
    async fetch(input, init = {}) {
      const sender = await usedSender();
      const request = sender === undefined ? undefined : plainRequest(input, init);
      if (sender !== undefined && request !== undefined) return sender.send(request);
      // The built-in fetch does not use the caller's proxy, and no request may bypass it.
      if (own !== undefined) {
        throw new SluiceError(
          'invalid_request',
          'A body that is a form or a stream cannot go through a dispatcher.',
        );
      }
      return fetchWithoutRedirect(globalThis.fetch, input, init);
    },
    async close() {
      closed = true;
      await used?.release();
    },
  };
}

/** The caller's `fetch` without redirects. */
function strictFetch(fetch: typeof globalThis.fetch): ProviderFetch {
  return {
    fetch: (input, init = {}) => fetchWithoutRedirect(fetch, input, init),
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
  return fetchWithoutRedirect(fetch, href, { method: 'POST', headers: named, body, signal });
}

function closedError(): SluiceError {
  return new SluiceError('shutting_down', 'The provider is closed.');
}
