import { isRecord, text } from '../json.ts';

type Fields = Record<string, unknown>;

/**
 * How many errors may be nested in each other. A gateway may wrap the error of a router, which wraps the error of the
 * server.
 */
const MAX_LAYERS = 8;

/** Fields in which an error holds another error or its details. The first one that has a value is followed. */
const INNER = [
  'error',
  'errors',
  'Error',
  'detail',
  // OpenRouter: `raw` is the error of the server that it called.
  'metadata',
  'raw',
  'details',
  'message',
  'innererror',
  'response',
  'fault',
];

/** Fields that hold a message for people. The first one that has a value is used. */
const TEXTS = [
  'message',
  'Message',
  'msg',
  'error_message',
  'errorMessage',
  'error_msg',
  'error_description',
  'detail',
  'details',
  'raw',
  'status_msg',
  'faultstring',
  'title',
];

/** Fields that hold a code for programs, the most specific first. */
const CODES = [
  'code',
  'type',
  'error_type',
  'reason',
  'error_code',
  'errorCode',
  'errorcode',
  'Code',
  '__type',
];

const STATUSES = [
  'code',
  'status',
  'status_code',
  'statusCode',
  'http_code',
  'http_status',
  'raw_status_code',
  'error',
];

/** Fields of a reply, or of a part of one, that no error has. */
const REPLY_FIELDS = [
  'choices',
  'output',
  'content',
  'delta',
  'item',
  'response',
  'content_block',
  'part',
  'usage',
];

/** Messages that make an object an error if it says nothing else. */
const EVIDENCE = TEXTS.filter((key) => key !== 'title' && key !== 'raw');

/** Fields that may accompany them. */
const ACCOMPANYING = ['code', 'param', 'request_id', 'requestId', 'trace_id', 'timestamp', 'path'];

const FAILED: ReadonlySet<unknown> = new Set(['error', 'failed', 'failure', 'fail']);
const SUCCEEDED: ReadonlySet<unknown> = new Set([0, 200, '0', '200', 'ok', 'OK', 'success']);

/** Values that are not error codes: placeholders, a status as text, and the address of an explanation. */
const NO_CODE = /^(?:|error|none|null|undefined|0|200|[45]\d\d|about:.*|https?:.*)$/i;

/**
 * The objects of an error body, outermost first: the body itself, then what its `error`, `errors[0]`, `detail`, `details`,
 * `message` or `metadata.raw` holds, even as JSON text, and so on. Empty if the body says nothing.
 */
export function errorLayers(body: unknown): Fields[] {
  const layers: Fields[] = [];
  let inner = fieldsOf(body);
  while (inner !== undefined && layers.length < MAX_LAYERS) {
    layers.push(inner);
    inner = innerOf(inner);
  }
  return layers;
}

/**
 * The event or body itself (of a list: the first object in it) if it is or holds an error of any shape; otherwise
 * undefined. It is for values that a decoder does not know. A message alone is not enough if the object also has the fields
 * of a reply, or a type or status that is not a failure.
 */
export function errorIn(data: unknown): Fields | undefined {
  const fields: unknown = Array.isArray(data) ? data.find((one) => isRecord(one)) : data;
  return isRecord(fields) && isError(fields) ? fields : undefined;
}

function isError(fields: Fields): boolean {
  const { object, type, status, code } = fields;
  if (hasValue(fields['error']) || hasValue(fields['errors']) || hasValue(fields['Error'])) return true;
  if (object === 'error' || (typeof type === 'string' && /(?:error|exception)$/i.test(type))) return true;
  if (minimaxError(fields) !== undefined) return true;
  if (isReply(fields)) return false;
  if (fields['success'] === false || fields['ok'] === false || FAILED.has(status)) return true;
  if (statusIn([fields]) !== undefined) return true;
  if (hasValue(fields['error_code']) || hasValue(fields['error_message']) || hasValue(fields['error_msg']))
    return true;
  if (SUCCEEDED.has(code) || !EVIDENCE.some((key) => hasValue(fields[key]))) return false;
  const hasCode = codesOf({ ...fields, type: undefined }).length > 0;
  if (hasCode && !(typeof type === 'string' && type.includes('.'))) return true;
  return Object.keys(fields).every(
    (key) => EVIDENCE.includes(key) || ACCOMPANYING.includes(key) || fields[key] === null,
  );
}

/** Whether an object has fields of a reply or of a part of one. */
export function isReply(fields: Fields): boolean {
  const { message } = fields;
  return (isRecord(message) && 'role' in message) || REPLY_FIELDS.some((key) => hasValue(fields[key]));
}

/** The codes of an error, the innermost first, because it is the most specific. */
export function codesIn(layers: readonly Fields[]): string[] {
  const inner = layers.toReversed();
  return [...inner.flatMap(codesOf), ...inner.flatMap((fields) => codeOf(fields['status']))];
}

/** The HTTP status in an error, as a number or as text. The outermost counts. */
export function statusIn(layers: readonly Fields[]): number | undefined {
  for (const fields of layers) {
    for (const key of STATUSES) {
      const value = fields[key];
      const status = typeof value === 'string' && /^[45]\d\d$/.test(value) ? Number(value) : value;
      if (typeof status === 'number' && status >= 400 && status < 600) return status;
    }
  }
  return undefined;
}

/** The messages of an error. A message that is part of another one is left out. */
export function messageIn(layers: readonly Fields[]): string {
  let texts: string[] = [];
  for (const one of layers.flatMap(textsOf)) {
    if (texts.some((other) => other.includes(one))) continue;
    texts = [...texts.filter((other) => !one.includes(other)), one];
  }
  return texts.join(': ');
}

/** Parses a text as JSON, or the data of an event in it. Undefined if it is not JSON. */
export function parsed(body: string): unknown {
  const [, data] = /^(?:event|data|id|retry)?:/.test(body) ? (/^data:(.*)$/m.exec(body) ?? []) : [];
  try {
    return JSON.parse(data ?? body);
  } catch {
    return undefined;
  }
}

/** The readable part of a text: an HTML page without its markup. */
export function readable(content: string): string {
  const start = content.trimStart();
  if (!start.startsWith('<')) return content;
  return start
    .slice(0, 16_384)
    .replace(/<(?:style|script)\b[^<>]*>[^<]*/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .trim();
}

/**
 * A value as an object. Of a list, the most specific object is taken. JSON text is parsed. Other text becomes `{ error:
 * text }`.
 */
function fieldsOf(value: unknown): Fields | undefined {
  if (Array.isArray(value)) {
    const list: unknown[] = value;
    const telling =
      list.find((one) => isRecord(one) && 'reason' in one) ?? list.find((one) => isRecord(one)) ?? list[0];
    return Array.isArray(telling) ? undefined : fieldsOf(telling);
  }
  if (typeof value !== 'string') return isRecord(value) ? value : undefined;
  if (value.trim() === '') return undefined;
  return jsonOf(value) ?? { error: value };
}

/** The object in a text that is JSON. */
function jsonOf(content: string): Fields | undefined {
  const value = /^\s*[[{]/.test(content) ? parsed(content) : undefined;
  return isRecord(value) || Array.isArray(value) ? fieldsOf(value) : undefined;
}

function innerOf(fields: Fields): Fields | undefined {
  for (const key of INNER) {
    const value = fields[key];
    const inner = typeof value === 'string' ? jsonOf(value) : fieldsOf(value);
    if (inner !== undefined) return inner;
  }
  return minimaxError(fields);
}

/** MiniMax answers every request with status 200 and puts failures here. No other server uses its numbers. */
function minimaxError(fields: Fields): Fields | undefined {
  const baseResponse = fields['base_resp'];
  if (!isRecord(baseResponse)) return undefined;
  const code = baseResponse['status_code'];
  if (typeof code !== 'number' || code === 0) return undefined;
  return { code: `base_resp.${code}`, message: baseResponse['status_msg'] };
}

function codesOf(fields: Fields): string[] {
  const { error, param, type } = fields;
  // An event of a reply that also has an error: its type says nothing about the error.
  const isEvent = hasValue(error) && typeof type === 'string' && !/error|exception|fail/i.test(type);
  const codes = CODES.flatMap((key) => (isEvent && key === 'type' ? [] : codeOf(fields[key])));
  if (typeof error === 'string' && isName(error)) codes.push(...codeOf(error));
  // vLLM says nothing but this about a prompt that is too long.
  if (param === 'input_tokens') codes.push(param);
  return codes;
}

function codeOf(value: unknown): string[] {
  const word = typeof value === 'number' && value > 0 ? String(value) : text(value)?.trim();
  return word === undefined || NO_CODE.test(word) ? [] : [word];
}

function textsOf(fields: Fields): string[] {
  const { error } = fields;
  const key = TEXTS.find((one) => isText(fields[one]));
  const message = key === undefined ? undefined : text(fields[key]);
  // A single word is a code, unless the object has another code.
  const isWord = isText(error) && isName(error) && !CODES.some((one) => codeOf(fields[one]).length > 0);
  return [isText(error) && !isWord ? error : undefined, message]
    .filter((one) => one !== undefined)
    .map((one) => readable(one).trim());
}

/** Whether a value is a message for people, not JSON that is a layer of its own. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && jsonOf(value) === undefined;
}

/** Whether a text is a single word, as codes are. */
function isName(value: string): boolean {
  return /^[A-Za-z](?:[\w.-]*\w)?$/.test(value);
}

function hasValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'string') return value.trim() !== '';
  return isRecord(value) || value === true || (typeof value === 'number' && value !== 0);
}
