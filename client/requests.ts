import { CodedError } from '../src/index.ts';
import type { Connection, Opening, Transport } from './connection.ts';
import { readEvents } from './sse.ts';
import { errorOf, errorOfThrown } from './wire-errors.ts';
import { isRecord, otherForm, parsed } from './wire.ts';

/** What requests to the server need. */
export interface Requests {
  /** The server's address with the path below which its routes are, without a slash at the end. */
  base: string;
  fetch: typeof fetch;
  /** The headers of each request. */
  headers: () => Promise<Record<string, string>>;
  /** How long nothing may come, not even a sign of life, before a connection counts as lost, in milliseconds. */
  silenceMs: number;
  /** What the server is asked to tell besides: `cost`, `warnings`, `trace`. */
  include: readonly string[];
}

/** The query of a stream in our format. `organization`: whose it is, where no body says it. */
export function streamQuery({ include }: Requests, organization?: string): string {
  return queryOf({ format: 'sluice', include: include.join(',') || undefined, org_id: organization });
}

/** A query of the values that there are. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  let query = '';
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) query += `${query === '' ? '?' : '&'}${name}=${segment(String(value))}`;
  return query;
}

/** What a request has besides its path. */
export interface RequestOptions {
  /** Default: `POST` with a body, else `GET`. */
  method?: string;
  /** What is sent as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** Where a stream is, by its id. */
export function streamPath(id: string): string {
  return `streams/${segment(id)}`;
}

/** Text as one segment of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

/** One request. Resolves to an answer that is good; rejects with the error that the server tells. */
export async function request(to: Requests, path: string, init: RequestOptions = {}): Promise<Response> {
  const { body, headers, signal, method = body === undefined ? 'GET' : 'POST' } = init;
  const controller = new AbortController();
  const leave = (): void => controller.abort();
  const timer = setTimeout(leave, to.silenceMs);
  signal?.addEventListener('abort', leave);
  try {
    const all = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(await to.headers()),
      ...headers,
    };
    const response = await to.fetch(`${to.base}/${path}`, {
      method,
      headers: all,
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    if (response.ok) return response;
    const answer = parsed(await response.text().catch(() => ''));
    const error = isRecord(answer) ? answer['error'] : undefined;
    throw errorOf(error, response.status, response.headers.get('retry-after'));
  } catch (error) {
    throw errorOfThrown(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', leave);
  }
}

/** The JSON of an answer: an object with at least one key that it is known by. Throws `protocol` for anything else. */
export async function jsonOf<T>(response: Response, key: keyof T & string): Promise<T> {
  const value = parsed(await response.text());
  if (hasKey<T>(value, key)) return value;
  throw otherForm();
}

function hasKey<T>(value: unknown, key: keyof T & string): value is T {
  return isRecord(value) && value[key] !== undefined;
}

/** Opens connections with `fetch`: server-sent events. */
export function fetchTransport(to: Requests): Transport {
  return async ({ path, body, join, after, organization, signal }: Opening): Promise<Connection> => {
    const query = streamQuery(to, path === undefined ? organization : undefined);
    const response = await request(to, `${path ?? join}${query}`, {
      signal,
      body,
      headers: {
        accept: 'text/event-stream',
        ...(after !== undefined && { 'last-event-id': after }),
      },
    });
    // Nothing lies behind the place that was asked for.
    if (response.status === 204)
      throw new CodedError('not_found', 'There is no stream, or no more of it.', { status: 204 });
    return readEvents(response, to.silenceMs);
  };
}
