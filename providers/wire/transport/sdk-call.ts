/** The options of one request on an SDK's client. */
export interface SdkCallOptions {
  signal?: AbortSignal;
  maxRetries?: number;
  timeout?: number;
  fetchOptions?: { redirect?: 'manual' };
}

/** The longest delay of a timer in milliseconds. A longer one fires at once. */
export const NEVER_MS = 2_147_483_647;

/**
 * The SDK neither retries nor times out, because the pipeline does both, and it follows no redirects: for `manual` it gets the status, which
 * is an error to it. Workers refuse `error`.
 */
export function sdkCallOptions(signal: AbortSignal): Required<SdkCallOptions> {
  return { signal, maxRetries: 0, timeout: NEVER_MS, fetchOptions: { redirect: 'manual' } };
}
