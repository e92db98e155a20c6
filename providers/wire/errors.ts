import type { SluiceError } from '../../src/index.ts';

/** Where a provider's error object came from. */
export interface ErrorInfo {
  provider: string;
  status?: number | undefined;
  requestId?: string | undefined;
  /** Scrubbed from the message. */
  secrets?: readonly string[] | undefined;
}

export declare function toSluiceError(error: unknown, provider: string, secrets: readonly string[]): SluiceError;
export declare function errorFromBody(body: Record<string, unknown>, info: ErrorInfo): SluiceError;
