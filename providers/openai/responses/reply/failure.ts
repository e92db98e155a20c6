import type { SluiceError } from '../../../../src/index.ts';
import { streamError, errorFromBody, errorIn, isRecord, text } from '../../../wire/index.ts';

import type { OpenAIReplyContext } from '../../shared/reply-context.ts';

type Json = Record<string, unknown>;

/**
 * What an event says went wrong, as the body of an error; undefined if it says nothing. An error comes as an event of its own,
 * flat or in an object, beside other fields, or within a response that ends as if it were whole.
 */
export function failureIn(type: string, name: string, event: Json): Json | undefined {
  const { error, response } = event;
  // A tool of the provider's may fail: the reply goes on.
  if (type.startsWith('response.') && type.endsWith('.failed') && type !== 'response.failed')
    return undefined;
  const isError = type === 'error' || type === 'response.error' || name === 'error';
  if (isError || isSaid(error)) return event;
  if (isRecord(response) && isSaid(response['error'])) return { error: response['error'] };
  return type.startsWith('response.') ? undefined : errorIn(event);
}

/** An error with the server's words. */
export function failureOf({ provider, info }: OpenAIReplyContext, body: Json): SluiceError {
  return errorFromBody(body, { provider, requestId: info.requestId });
}

/** The error of a response that says only that it failed. */
export function wordlessFailure(context: OpenAIReplyContext, response: Json): SluiceError {
  const details = response['incomplete_details'];
  const reason = isRecord(details) ? text(details['reason']) : undefined;
  const why = reason === undefined ? 'the server does not say why' : `the server says: ${reason}`;
  return streamError(context, 'server', `the response failed (${why})`);
}

/** A JSON answer of Responses as the events of a stream. */
export function* responsesEvents(body: Json): Iterable<Json> {
  const isResponse = Array.isArray(body['output']) || body['object'] === 'response';
  const error = isResponse ? undefined : errorIn(body);
  if (error === undefined) yield { type: 'response.completed', response: body };
  else yield { type: 'error', error };
}

/** Whether the value of a field `error` tells of one. */
function isSaid(error: unknown): boolean {
  if (isRecord(error)) return Object.keys(error).length > 0;
  return Array.isArray(error) ? error.length > 0 : Boolean(error);
}
