import { SluiceError, kindOf } from './errors.ts';
import type { Message, Part } from './messages.ts';
import { wellFormed } from './well-formed.ts';

const ROLES: ReadonlySet<string> = new Set(['system', 'user', 'assistant', 'tool']);

type Fields = Readonly<Record<string, unknown>>;
/** A check of a field, and what the error tells the caller to do. */
type Rule = readonly [fits: (value: unknown) => boolean, advice: string];

const isString = (value: unknown): boolean => typeof value === 'string';
const isFilled = (value: unknown): boolean => typeof value === 'string' && value !== '';
const optional = ([fits, advice]: Rule): Rule => [(value) => value === undefined || fits(value), advice];
const oneOf = (...values: readonly unknown[]): Rule => [
  (value) => values.includes(value),
  `give ${values.map((value) => JSON.stringify(value)).join(' or ')}, or leave it out`,
];

const STRING: Rule = [isString, 'give a string'];
const ID: Rule = [isFilled, "give the call's id"];
const NAME: Rule = [isFilled, "give the tool's name"];
const URL_TEXT: Rule = [isFilled, 'give an https or data: URL as a string'];
const BASE64: Rule = [isFilled, 'give the bytes as a base64 string'];
const MEDIA_TYPE: Rule = [isFilled, 'give a media type such as "image/png"'];
const LIST: Rule = [Array.isArray, 'give an array, or leave it out'];
const BLOCK: Rule = [
  (value) => isRecord(value) && typeof value.provider === 'string' && 'data' in value,
  'give the block as it came: { provider, data }',
];
const INVALID: Rule = [
  (value) => isRecord(value) && typeof value.raw === 'string' && typeof value.reason === 'string',
  'give the object as it came: { raw, reason }, or leave it out',
];
const FLAG: Rule = [(value) => typeof value === 'boolean', 'give true or false, or leave it out'];
const ANY: Rule = [() => true, ''];

/** Every field of every kind of part. */
const PARTS: Readonly<Record<Part['type'], Readonly<Record<string, Rule>>>> = {
  text: { text: STRING, citations: optional(LIST), refusal: optional(oneOf(true)) },
  thinking: { text: STRING, block: optional(BLOCK) },
  image: {
    url: optional(URL_TEXT),
    data: optional(BASE64),
    mediaType: optional(MEDIA_TYPE),
    detail: optional(oneOf('auto', 'low', 'high', 'original')),
  },
  audio: { data: BASE64, mediaType: [isFilled, 'give a media type such as "audio/wav"'] },
  file: {
    url: optional(URL_TEXT),
    data: optional(BASE64),
    fileId: optional(STRING),
    mediaType: optional(MEDIA_TYPE),
    filename: optional(STRING),
    id: optional(STRING),
    block: optional(BLOCK),
  },
  tool_call: {
    id: ID,
    name: NAME,
    arguments: ANY,
    providerExecuted: optional(oneOf(true)),
    invalid: optional(INVALID),
    block: optional(BLOCK),
  },
  tool_result: {
    id: ID,
    name: NAME,
    content: [(value) => isString(value) || Array.isArray(value), 'give a string or an array of parts'],
    isError: optional(FLAG),
    providerExecuted: optional(oneOf(true)),
    block: optional(BLOCK),
  },
  provider: { block: BLOCK },
};

/** Types of parts that need at least one of these fields. */
const SOURCES: Readonly<Partial<Record<string, readonly string[]>>> = {
  image: ['url', 'data'],
  file: ['url', 'data', 'fileId'],
};

/** Types of parts that a tool result may contain. */
const IN_RESULT: ReadonlySet<string> = new Set(['text', 'image', 'file']);

/**
 * Checks messages from a caller. Half a character in them becomes U+FFFD. Throws `invalid_options`; the message names the field, the kind
 * of value found there, and what to give instead.
 */
export function checkMessages(input: Message | readonly Message[]): Message[] {
  const messages: readonly Message[] = isList(input) ? input : [input];
  messages.forEach((message, index) => {
    checkMessage(message, isList(input) ? `messages[${index}]` : 'message');
  });
  return [...wellFormed(messages)];
}

/** Messages of earlier requests that were found to be right. */
const checked = new WeakSet<object>();

/**
 * Checks the messages that a layer passes on in place of those of its own request. Each message is checked once: those of the request were checked
 * before, and a message that a layer passes on again is the same object. Whoever changes a message after that sends it unchecked.
 */
export function checkNewMessages(messages: readonly unknown[], before: readonly unknown[]): void {
  let at = 0;
  while (at < before.length && messages[at] === before[at]) at++;
  const known: ReadonlySet<unknown> | undefined = at < before.length ? new Set(before) : undefined;
  for (; at < messages.length; at++) {
    const message = messages[at];
    const isObject = typeof message === 'object' && message !== null;
    if (isObject && (checked.has(message) || known?.has(message) === true)) continue;
    checkMessage(message, `messages[${at}]`);
    if (isObject) checked.add(message);
  }
}

function isList(input: Message | readonly Message[]): input is readonly Message[] {
  return Array.isArray(input);
}

function checkMessage(message: unknown, path: string): void {
  if (!isRecord(message)) throw wrong(path, message, 'give an object { role, content }');
  const { role, content } = message;
  if (typeof role !== 'string' || !ROLES.has(role)) {
    const got = typeof role === 'string' ? `the string ${JSON.stringify(role.slice(0, 40))}` : undefined;
    throw wrong(`${path}.role`, role, 'give one of system, user, assistant, tool', got);
  }
  if (role === 'tool') {
    const advice =
      "a message of role tool needs an array of parts { type: 'tool_result', id, name, content }";
    if (!Array.isArray(content)) throw wrong(`${path}.content`, content, advice);
  }
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw wrong(`${path}.content`, content, 'give a string or an array of parts');
  content.forEach((part: unknown, index) => checkPart(part, `${path}.content[${index}]`));
}

function checkPart(part: unknown, path: string, allowed?: ReadonlySet<string>): void {
  if (!isRecord(part)) throw wrong(path, part, "give an object such as { type: 'text', text }");
  const { type } = part;
  const known = typeof type === 'string' && Object.hasOwn(PARTS, type) && (allowed?.has(type) ?? true);
  if (!known || !isPartType(type)) {
    const got = typeof type === 'string' ? `the string ${JSON.stringify(type.slice(0, 40))}` : undefined;
    throw wrong(`${path}.type`, type, `give one of ${[...(allowed ?? Object.keys(PARTS))].join(', ')}`, got);
  }
  checkFields(part, PARTS[type], path);
  const sources = SOURCES[type];
  if (sources?.every((field) => part[field] === undefined) === true) {
    throw new SluiceError(
      'invalid_options',
      `${path} of type ${type} has no content: give ${sources.join(' or ')}.`,
    );
  }
  if (type === 'image' && part.data !== undefined && part.mediaType === undefined)
    throw wrong(`${path}.mediaType`, undefined, 'data needs a media type such as "image/png"');
  if (type !== 'tool_result' || !Array.isArray(part.content)) return;
  part.content.forEach((inner: unknown, index) => checkPart(inner, `${path}.content[${index}]`, IN_RESULT));
}

function checkFields(part: Fields, rules: Readonly<Record<string, Rule>>, path: string): void {
  for (const key of Object.keys(part)) {
    if (key === 'type' || Object.hasOwn(rules, key)) continue;
    const what = `${path}.${key} is not a field of a part of type ${String(part.type)}`;
    const fields = Object.keys(rules).join(', ');
    throw new SluiceError(
      'invalid_options',
      `${what}: remove it, or fix its name. The fields are ${fields}.`,
    );
  }
  for (const [key, [fits, advice]] of Object.entries(rules)) {
    if (!fits(part[key])) throw wrong(`${path}.${key}`, part[key], advice);
  }
}

function isPartType(type: unknown): type is Part['type'] {
  return typeof type === 'string' && Object.hasOwn(PARTS, type);
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(path: string, value: unknown, advice: string, got = kindOf(value)): SluiceError {
  return new SluiceError('invalid_options', `${path} is ${got}: ${advice}.`);
}
