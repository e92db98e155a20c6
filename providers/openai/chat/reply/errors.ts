import { isRecord, text } from '../../../wire/index.ts';

type Fields = Record<string, unknown>;

/** Fields of an event that hold the message of an error: as text, or in lists and objects. */
const TEXTS = ['message', 'msg', 'error_message', 'error_msg'] as const;
const DETAILS = ['detail', 'details', 'errors'] as const;

/** Matches a `type` or `status` of an error. */
const ERROR_LIKE =
  /err|fail|invalid|exceed|exhaust|limit|denied|unavail|overload|unauth|forbid|not.?found|timeout/i;

/** Whether an event with choices may hold an error beside them. Called for every event. */
export function mayHoldFailure(
  { error, object, type, x_groq: groq, base_resp: base }: Fields,
  name: string,
): boolean {
  if (name === 'error' || object === 'error' || type === 'error') return true;
  return (error !== undefined && error !== null) || groq !== undefined || base !== undefined;
}

/**
 * The error in an event, as an error body: in `error`, `x_groq.error` or `base_resp`, by the name, `object` or `type` of the
 * event, or, if there are no choices, in any field. Undefined if there is none.
 */
export function failureIn(data: Fields, name: string): Fields | undefined {
  const { error, x_groq: groq, base_resp: base, choices } = data;
  if (error !== undefined && error !== null && isErrorValue(error)) return bodyOf(error, data);
  if (isRecord(groq) && isErrorValue(groq['error'])) return bodyOf(groq['error'], groq);
  if (name === 'error' || data['object'] === 'error' || data['type'] === 'error') return data;
  // MiniMax sends this with status 200.
  if (isRecord(base) && typeof base['status_code'] === 'number' && base['status_code'] !== 0) {
    return { error: { code: base['status_code'], message: base['status_msg'] } };
  }
  return Array.isArray(choices) && choices.length > 0 ? undefined : bareFailure(data);
}

/** The error in a choice, or in its delta or message. */
export function failureInChoice(choice: Fields): Fields | undefined {
  for (const place of [choice, choice['delta'], choice['message']]) {
    if (isRecord(place) && isErrorValue(place['error'])) return bodyOf(place['error'], place);
  }
  return undefined;
}

/**
 * Whether a finish reason says that the server failed, not the model. Sent by OpenRouter, Mistral, Cohere (`ERROR_LIMIT`)
 * and Z.ai.
 */
export function isErrorFinish(finish: string): boolean {
  const word = finish.toLowerCase();
  return word === 'error' || word === 'network_error' || word.startsWith('error_');
}

/** An error body for a finish reason. Its message may be in the content. */
export function finishFailure(finish: string, choice: Fields, words: string): Fields {
  const type = text(choice['native_finish_reason']) || finish;
  return { error: { message: words || 'the reply ended with an error', type } };
}

/** Whether the value of a field `error` is an error. Null, false, 0, '' and objects without a value are not. */
function isErrorValue(error: unknown): boolean {
  if (!isRecord(error)) return Array.isArray(error) ? error.length > 0 : Boolean(error);
  const { code } = error;
  if (code === 0 || code === 200) return false;
  return Object.values(error).some((value) => isRecord(value) || Boolean(value));
}

function bodyOf(error: unknown, fields: Fields): Fields {
  const one: unknown = Array.isArray(error) ? error[0] : error;
  if (isRecord(one) || typeof one === 'string') return { ...fields, error: one };
  return { error: { ...fields, error: undefined, code: one } };
}

/** An event without choices that is itself an error. */
function bareFailure(data: Fields): Fields | undefined {
  const { object, type } = data;
  if (isRecord(data['usage']) || (typeof object === 'string' && object.startsWith('chat.'))) return undefined;
  // A JavaScript Error as JSON is an empty object, which is enough.
  const { error } = data;
  if (isRecord(error) && Object.keys(error).length === 0) return data;
  if (!TEXTS.some((field) => isText(data[field])) && !DETAILS.some((field) => isDetail(data[field]))) {
    return undefined;
  }
  const { code, error_code: number } = data;
  if (isCode(code) || isCode(number)) return data;
  // Progress reports have messages, too.
  const sort = text(type) ?? text(data['status']) ?? text(data['event']);
  return sort === undefined || ERROR_LIKE.test(sort) ? data : undefined;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}

function isDetail(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : isText(value) || isRecord(value);
}

function isCode(value: unknown): boolean {
  if (typeof value === 'number') return value !== 0 && value !== 200;
  return typeof value === 'string' && value !== '' && value !== '0' && value !== '200';
}
