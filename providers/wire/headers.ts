import { asRequestId } from '../../src/kit/index.ts';

/** Reads headers by their names, which are lower-case. */
export interface HeaderReader {
  get(name: string): string | null;
}

/** Whether a value reads headers, like `Headers` does. */
export function isHeaderReader(value: unknown): value is HeaderReader {
  return typeof value === 'object' && value !== null && 'get' in value && typeof value.get === 'function';
}

/** The headers that an SDK put on an error. */
export function headersOfError(error: unknown): HeaderReader | undefined {
  if (typeof error !== 'object' || error === null || !('headers' in error)) return undefined;
  return isHeaderReader(error.headers) ? error.headers : undefined;
}

/** The provider's id of the request, if it is shaped like one and holds no secret. */
export function requestIdIn(
  headers: HeaderReader | undefined,
  secrets: readonly string[],
): string | undefined {
  return asRequestId(headers?.get('x-request-id') ?? headers?.get('request-id'), secrets);
}
