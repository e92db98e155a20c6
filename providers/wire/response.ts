import { SluiceError } from '../../src/index.ts';
import { headersOfResponse } from './dispatch-response.ts';
import type { HeaderReader } from './dispatch-response.ts';
import { errorFromBody, statusError } from './errors.ts';
import type { EventReader } from './event-reader.ts';
import { isRecord } from './json.ts';
import { readText, type RawBody } from './raw-body.ts';
import type { WireCall } from './wire.ts';

/** Most bytes that are read of a body that only explains an error. */
const MAX_ERROR_BODY_BYTES = 1024 * 1024;

/** The provider's id of the request. */
export function requestIdOf(headers: HeaderReader): string | undefined {
  return headers.get('x-request-id') ?? headers.get('request-id') ?? undefined;
}

/** The media type alone, in lower case; '' where the server names none. */
function mediaTypeOf(headers: HeaderReader): string {
  return (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * How the body of an answer is to be read. Throws the provider's error for a status that is not ok, and for JSON that is no answer;
 * `protocol` for any other body than an event stream. A server that names no type is taken at its word: if it is no event
 * stream, it ends without the wire's end.
 */
export async function checkedResponse(
  response: Response,
  body: RawBody,
  wire: WireCall,
): Promise<'events' | 'json'> {
  const { provider, secrets } = wire;
  const { status } = response;
  const headers = headersOfResponse(response);
  if (!response.ok) {
    const { text, broken } = await explanation(body);
    throw statusError({ status, headers, body: parsed(text) ?? text }, { provider, secrets }, broken);
  }
  const type = mediaTypeOf(headers);
  if (type === 'text/event-stream' || type === '') return 'events';
  const isJson = type === 'application/json' || type.endsWith('+json');
  if (isJson && wire.events !== undefined) return 'json';
  if (isJson) {
    const { text } = await readText(body, MAX_ERROR_BODY_BYTES);
    const value = parsed(text);
    if (isError(value))
      throw errorFromBody(value, { provider, secrets, status, requestId: requestIdOf(headers) });
  }
  throw new SluiceError(
    'protocol',
    `${provider} answered with ${type.slice(0, 60)} in place of an event stream.`,
    {
      provider,
      status,
      requestId: requestIdOf(headers),
      retryable: false,
    },
  );
}

/** What a refusal says. One whose body breaks off is a refusal all the same: its status and headers have come. */
async function explanation(body: RawBody): Promise<{ text: string; broken?: unknown }> {
  try {
    return await readText(body, MAX_ERROR_BODY_BYTES);
  } catch (broken) {
    return { text: '', broken };
  }
}

/** Reads a whole JSON answer into the reader. Throws the error that it holds, `protocol` where it is none. */
export async function readJsonEvents(
  response: Response,
  body: RawBody,
  wire: WireCall,
  reader: EventReader,
): Promise<void> {
  const { provider, secrets, limits } = wire;
  const info = { provider, status: response.status, requestId: requestIdOf(headersOfResponse(response)) };
  const { text, whole } = await readText(body, limits.maxEventBytes);
  if (!whole) {
    const message = `The answer exceeds limits.maxEventBytes (${limits.maxEventBytes}).`;
    throw new SluiceError('protocol', message, { ...info, retryable: false });
  }
  const value = parsed(text);
  if (isError(value)) throw errorFromBody(value, { ...info, secrets });
  if (!isRecord(value)) {
    throw new SluiceError('protocol', `${provider} answered with a body that is no JSON object.`, info);
  }
  reader.json(value, wire.events?.(value) ?? []);
}

/** Whether a JSON body says that something went wrong: `error` is null or absent in good ones. */
function isError(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false;
  if (value['object'] === 'error' || value['type'] === 'error') return true;
  return isRecord(value['error']) || typeof value['error'] === 'string';
}

/** The text as JSON; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
