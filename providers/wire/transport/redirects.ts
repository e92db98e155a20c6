import { SluiceError } from '../../../src/index.ts';

const REDIRECTS: ReadonlySet<number> = new Set([300, 301, 302, 303, 305, 307, 308]);

/** The error of a response that redirects. Undefined if it does not. No redirect is followed, because the key would go along. */
export function redirectError(status: number): SluiceError | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  const message = `The server answered ${status}: redirects are not followed.`;
  return new SluiceError('protocol', message, { status, retryable: false });
}

/**
 * Calls `fetch` without following a redirect; rejects with `protocol` if there is one. `redirect: 'error'` would do the same, but Workers
 * refuse that value, and its error has no status.
 */
export async function fetchWithoutRedirect(
  fetch: typeof globalThis.fetch,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: 'manual' });
  const error = redirectError(response.status);
  if (error === undefined) return response;
  // The body says nothing, and its connection may be used again.
  response.body?.cancel().catch(() => undefined);
  throw error;
}
