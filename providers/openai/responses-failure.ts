import type { SluiceError } from '../../src/index.ts';
import { errorFromBody, isRecord, text } from '../wire/index.ts';
import { streamError } from './decoding.ts';
import type { Decoding } from './decoding.ts';

type Json = Record<string, unknown>;

/**
 * What an event says went wrong, as the body of an error; undefined if it says nothing. An error comes as an event of its own,
 * flat or in an object, beside other fields, or within a response that ends as if it were whole.
 */
export function failureIn(type: string, name: string, event: Json): Json | undefined {
  const { error, object, response } = event;
  // A tool of the provider's may fail: the reply goes on.
  if (isSaid(error) && !isOfTool(type)) return { ...event, error };
  if (type === 'error' || name === 'error' || type === 'response.error' || object === 'error') {
    return { error: event };
  }
  return isRecord(response) && isSaid(response['error']) ? { error: response['error'] } : undefined;
}

/** An error with the server's words. */
export function failureOf({ provider, info }: Decoding, body: Json): SluiceError {
  return errorFromBody(body, { provider, requestId: info.requestId });
}

/** The error of a response that says only that it failed. */
export function wordlessFailure(decoding: Decoding, response: Json): SluiceError {
  const details = response['incomplete_details'];
  const reason = isRecord(details) ? text(details['reason']) : undefined;
  const why = reason === undefined ? 'the server does not say why' : `the server says: ${reason}`;
  return streamError(decoding, 'server', `the response failed (${why})`);
}

/** A JSON answer of Responses as the events of a stream. */
export function* responsesEvents(body: Json): Iterable<Json> {
  const hasOutput = Array.isArray(body['output']) && body['output'].length > 0;
  const failure = hasOutput ? undefined : failureIn('', '', body);
  const isResponse = hasOutput || Array.isArray(body['output']) || typeof body['status'] === 'string';
  if (failure !== undefined) yield { type: 'error', ...failure };
  else if (!isResponse && saysWhy(body)) yield { type: 'error', error: body };
  else yield { type: 'response.completed', response: body };
}

function isSaid(error: unknown): boolean {
  return isRecord(error) ? Object.keys(error).length > 0 : typeof error === 'string' && error !== '';
}

function isOfTool(type: string): boolean {
  return type.startsWith('response.') && type.endsWith('.failed') && type !== 'response.failed';
}

function saysWhy(body: Json): boolean {
  return ['message', 'detail', 'details', 'code'].some((field) => body[field] !== undefined);
}
