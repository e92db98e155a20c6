import type { SluiceError } from '../../../../src/index.ts';
import { streamError, errorFromBody, errorIn, isRecord, text } from '../../../wire/index.ts';

import type { OpenAIReplyContext } from '../../shared/reply-context.ts';

type Json = Record<string, unknown>;

/**
 * The error in an event, as an error body. Undefined if there is none. An error may be an event of its own, flat or in an
 * object, may come with other fields, or may be in a response that otherwise ends normally.
 */
export function failureIn(type: string, name: string, event: Json): Json | undefined {
  const { error, response } = event;
  // A tool of the provider may fail. The reply continues.
  if (type.startsWith('response.') && type.endsWith('.failed') && type !== 'response.failed')
    return undefined;
  const isError = type === 'error' || type === 'response.error' || name === 'error';
  if (isError || isErrorValue(error)) return event;
  if (isRecord(response) && isErrorValue(response['error'])) return { error: response['error'] };
  return type.startsWith('response.') ? undefined : errorIn(event);
}

/** An error with the server's message. */
export function failureOf({ provider, info }: OpenAIReplyContext, body: Json): SluiceError {
  return errorFromBody(body, { provider, ...info });
}

/** The error for a response that only says that it failed. */
export function failureWithoutMessage(context: OpenAIReplyContext, response: Json): SluiceError {
  const details = response['incomplete_details'];
  const reason = isRecord(details) ? text(details['reason']) : undefined;
  const why = reason === undefined ? 'the server does not say why' : `the server says: ${reason}`;
  return streamError(context, 'server', `the response failed (${why})`);
}

/** A complete JSON response of Responses as events. */
export function* responsesEvents(body: Json): Iterable<Json> {
  const isResponse = Array.isArray(body['output']) || body['object'] === 'response';
  const error = isResponse ? undefined : errorIn(body);
  if (error === undefined) yield { type: 'response.completed', response: body };
  else yield { type: 'error', error };
}

/** Whether the value of a field `error` is an error. */
function isErrorValue(error: unknown): boolean {
  if (isRecord(error)) return Object.keys(error).length > 0;
  return Array.isArray(error) ? error.length > 0 : Boolean(error);
}
