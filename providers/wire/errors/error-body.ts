import { isRecord, text } from '../json.ts';

type Fields = Record<string, unknown>;

/** How deep an error may be wrapped: a gateway's error around that of a router around that of the server. */
const MAX_LAYERS = 8;

/** Where one error holds another one, or its own particulars: the first that does is followed. */
const INNER = [
  'error',
  'errors',
  'Error',
  'detail',
  // OpenRouter: `raw` is what the server behind it said.
  'metadata',
  'raw',
  'details',
  'message',
  'innererror',
  'response',
  'fault',
];

/** Where the words for people stand; the first that is there is passed on. */
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

/** Where the words for programs stand, most telling first. */
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

/** What stands in an answer or a part of one, and in no error. */
const ANSWER = [
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

/** Texts that are evidence of an error if an object says nothing else. */
const EVIDENCE = TEXTS.filter((key) => key !== 'title' && key !== 'raw');

/** What may stand beside them. */
const BESIDE = ['code', 'param', 'request_id', 'requestId', 'trace_id', 'timestamp', 'path'];

const FAILED: ReadonlySet<unknown> = new Set(['error', 'failed', 'failure', 'fail']);
const SUCCEEDED: ReadonlySet<unknown> = new Set([0, 200, '0', '200', 'ok', 'OK', 'success']);

/** Values that are no error code: placeholders, a status as text, and the address of an explanation. */
const NO_WORD = /^(?:|error|none|null|undefined|0|200|[45]\d\d|about:.*|https?:.*)$/i;

/**
 * The objects of an error body, outermost first: the body itself, then what its `error`, `errors[0]`, `detail`, `details`, `message` or
 * `metadata.raw` holds, also as JSON text, and so on. Empty if the body says nothing.
 */
export function layersOf(body: unknown): Fields[] {
  const layers: Fields[] = [];
  let inner = fieldsOf(body);
  while (inner !== undefined && layers.length < MAX_LAYERS) {
    layers.push(inner);
    inner = innerOf(inner);
  }
  return layers;
}

/**
 * The event or body itself (of a list: the first object in it) if it is or holds an error, whatever its shape; else undefined. For
 * what a decoder does not otherwise know. A message beside what an answer has, or beside a type or status that is no failure, is
 * no evidence.
 */
export function errorIn(data: unknown): Fields | undefined {
  const fields: unknown = Array.isArray(data) ? data.find((one) => isRecord(one)) : data;
  return isRecord(fields) && isError(fields) ? fields : undefined;
}

function isError(fields: Fields): boolean {
  const { object, type, status, code } = fields;
  if (isSaid(fields['error']) || isSaid(fields['errors']) || isSaid(fields['Error'])) return true;
  if (object === 'error' || (typeof type === 'string' && /(?:error|exception)$/i.test(type))) return true;
  if (minimaxError(fields) !== undefined) return true;
  if (isAnswer(fields)) return false;
  if (fields['success'] === false || fields['ok'] === false || FAILED.has(status)) return true;
  if (statusIn([fields]) !== undefined) return true;
  if (isSaid(fields['error_code']) || isSaid(fields['error_message']) || isSaid(fields['error_msg']))
    return true;
  if (SUCCEEDED.has(code) || !EVIDENCE.some((key) => isSaid(fields[key]))) return false;
  const hasCode = codesOf({ ...fields, type: undefined }).length > 0;
  if (hasCode && !(typeof type === 'string' && type.includes('.'))) return true;
  return Object.keys(fields).every(
    (key) => EVIDENCE.includes(key) || BESIDE.includes(key) || fields[key] === null,
  );
}

/** Whether an object has what answers have, or a part of one. */
export function isAnswer(fields: Fields): boolean {
  const { message } = fields;
  return (isRecord(message) && 'role' in message) || ANSWER.some((key) => isSaid(fields[key]));
}

/** What an error says to programs, the innermost word first, as it tells most. */
export function wordsIn(layers: readonly Fields[]): string[] {
  const inner = layers.toReversed();
  return [...inner.flatMap(codesOf), ...inner.flatMap((fields) => wordOf(fields['status']))];
}

/** A status that an error tells, a number or one written as text; the outermost counts. */
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

/** What an error says to people: the texts of its layers that are not part of one another. */
export function saidIn(layers: readonly Fields[]): string {
  let texts: string[] = [];
  for (const one of layers.flatMap(textsOf)) {
    if (texts.some((other) => other.includes(one))) continue;
    texts = [...texts.filter((other) => !one.includes(other)), one];
  }
  return texts.join(': ');
}

/** A text parsed as JSON, also if the JSON is the data of an event; undefined if it is not JSON. */
export function parsed(body: string): unknown {
  const [, data] = /^(?:event|data|id|retry)?:/.test(body) ? (/^data:(.*)$/m.exec(body) ?? []) : [];
  try {
    return JSON.parse(data ?? body);
  } catch {
    return undefined;
  }
}

/** What there is to read of a text: of a page of HTML without its markup. */
export function readable(said: string): string {
  const start = said.trimStart();
  if (!start.startsWith('<')) return said;
  return start
    .slice(0, 16_384)
    .replace(/<(?:style|script)\b[^<>]*>[^<]*/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .trim();
}

/** Something as an object: a list as the first telling one in it, JSON text as what it says, another text as an object with it. */
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

/** A text that is JSON, as an object. */
function jsonOf(said: string): Fields | undefined {
  const value = /^\s*[[{]/.test(said) ? parsed(said) : undefined;
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

/** MiniMax answers 200 to everything and tells of a failure here; its numbers are those of nobody else. */
function minimaxError(fields: Fields): Fields | undefined {
  const answer = fields['base_resp'];
  if (!isRecord(answer)) return undefined;
  const code = answer['status_code'];
  if (typeof code !== 'number' || code === 0) return undefined;
  return { code: `base_resp.${code}`, message: answer['status_msg'] };
}

function codesOf(fields: Fields): string[] {
  const { error, param, type } = fields;
  // An event of a reply with an error beside its fields: its type says nothing of the error.
  const isEvent = isSaid(error) && typeof type === 'string' && !/error|exception|fail/i.test(type);
  const codes = CODES.flatMap((key) => (isEvent && key === 'type' ? [] : wordOf(fields[key])));
  if (typeof error === 'string' && isName(error)) codes.push(...wordOf(error));
  // All that vLLM says of a prompt that is too long.
  if (param === 'input_tokens') codes.push(param);
  return codes;
}

function wordOf(value: unknown): string[] {
  const word = typeof value === 'number' && value > 0 ? String(value) : text(value)?.trim();
  return word === undefined || NO_WORD.test(word) ? [] : [word];
}

function textsOf(fields: Fields): string[] {
  const { error } = fields;
  const key = TEXTS.find((one) => isText(fields[one]));
  const said = key === undefined ? undefined : text(fields[key]);
  // One word is a code, unless there is another one.
  const isWord = isText(error) && isName(error) && !CODES.some((one) => wordOf(fields[one]).length > 0);
  return [isText(error) && !isWord ? error : undefined, said]
    .filter((one) => one !== undefined)
    .map((one) => readable(one).trim());
}

/** Whether a value is a text for people, not JSON that a layer was made of. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && jsonOf(value) === undefined;
}

/** Whether a text is one word, as codes are. */
function isName(value: string): boolean {
  return /^[A-Za-z](?:[\w.-]*\w)?$/.test(value);
}

function isSaid(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'string') return value.trim() !== '';
  return isRecord(value) || value === true || (typeof value === 'number' && value !== 0);
}
