import { SluiceError } from '../../../src/index.ts';
import { headersOfResponse } from '../transport/dispatch-response.ts';
import type { HeaderReader } from '../headers.ts';
import { parsed } from '../errors/error-body.ts';
import { statusError } from '../errors/errors.ts';
import { MAX_ERROR_BODY_BYTES, readText, type RawBody } from '../transport/raw-body.ts';
import type { WireCall } from '../wire.ts';

/** Media types of what may be events, an answer or an error, and is called otherwise; '' is no name at all. */
const READABLE = /^(?:|text\/.*|.*json.*|application\/(?:octet-stream|javascript|xml))$/;

/** The provider's id of the request. */
export function requestIdOf(headers: HeaderReader): string | undefined {
  return headers.get('x-request-id') ?? headers.get('request-id') ?? undefined;
}

/** The media type alone, in lower case; '' if the server names none. */
function mediaTypeOf(headers: HeaderReader): string {
  return (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * What the server calls the body of an answer. Throws the provider's error if the status is not ok, and `protocol` for a body that is
 * no text. What a text really is, its first bytes tell, which the reader looks at.
 */
export async function checkedResponse(response: Response, body: RawBody, wire: WireCall): Promise<string> {
  const { provider, secrets } = wire;
  const { status } = response;
  const headers = headersOfResponse(response);
  if (!response.ok) {
    const { text, broken } = await explanation(body);
    throw statusError({ status, headers, body: parsed(text) ?? text }, { provider, secrets }, broken);
  }
  const type = mediaTypeOf(headers);
  if (READABLE.test(type)) return type;
  throw new SluiceError(
    'protocol',
    `${provider} answered with ${type.slice(0, 60)} in place of an event stream.`,
    { provider, status, requestId: requestIdOf(headers), retryable: false },
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
