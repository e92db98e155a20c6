import { SluiceError } from '../../../src/index.ts';
import { headersOfResponse } from '../transport/dispatch-response.ts';
import { requestIdIn, type HeaderReader } from '../headers.ts';
import { parsed } from '../errors/error-body.ts';
import { statusError } from '../errors/errors.ts';
import { quoted } from '../errors/scrub.ts';
import { ERROR_BODY_MS, MAX_ERROR_BODY_BYTES, readText, type RawBody } from '../transport/raw-body.ts';
import type { WireCall } from '../wire.ts';

/** Media types of a body that may hold events, a reply or an error. The server may send none ('') or a wrong one. */
const READABLE = /^(?:|text\/.*|.*json.*|application\/(?:octet-stream|javascript|xml))$/;

/** The media type without its parameters, in lower case. It is '' if the server sends none. */
function mediaTypeOf(headers: HeaderReader): string {
  return (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * The media type of a response. Throws the provider's error if the status is not ok, and `protocol` for a body that is not
 * text. The first bytes of a text tell what it is; the event reader looks at them.
 */
export async function checkedResponse(response: Response, body: RawBody, wire: WireCall): Promise<string> {
  const { provider, secrets } = wire;
  const { status } = response;
  const headers = headersOfResponse(response);
  if (!response.ok) {
    const { text, failure } = await readText(body, MAX_ERROR_BODY_BYTES, ERROR_BODY_MS);
    throw statusError({ status, headers, body: parsed(text) ?? text }, { provider, secrets }, failure);
  }
  const type = mediaTypeOf(headers);
  if (READABLE.test(type)) return type;
  throw new SluiceError(
    'protocol',
    `${provider} answered with ${quoted(type, secrets).slice(0, 60)} instead of an event stream.`,
    { provider, status, requestId: requestIdIn(headers, secrets), retryable: false },
  );
}
