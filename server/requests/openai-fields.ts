import type { FilePart, ImagePart, AudioPart, Parameters, ResponseFormat } from '../../src/index.ts';
import { isRecord, nameAt, objectAt, optionalAt, textAt, flagAt, numberAt, wrong } from './read.ts';
import type { Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import type { ParserSettings } from './request.ts';

/** What a parser of OpenAI's APIs has to know of the server. */
export interface OpenAISettings extends ParserSettings {
  /** The name of the provider that gets the fields which are passed on, as in `providerOptions`. Default: `openai`. */
  provider?: string | undefined;
  /** Fields of the body that are passed on, besides those that the API documents and Sluice has no name for. */
  passFields?: readonly string[] | undefined;
  /** Types of tools that the provider runs itself and that a client may ask for, such as `web_search`. Others are left out. Default: none, because they cost money. */
  hostedTools?: readonly string[] | undefined;
  /** The request belongs to a session of the server, which has the earlier messages. */
  session?: boolean | undefined;
}

/** What is said of a field of the body. */
export interface FieldRules {
  /** Fields that the parser reads. */
  known: ReadonlySet<string>;
  /** Fields that are passed on as they are, and that both of OpenAI's APIs have. */
  passed: ReadonlySet<string>;
  /** The same for fields that only this API has. */
  passedInside: ReadonlySet<string>;
  /** Fields that are accepted and have no effect. */
  idle: ReadonlySet<string>;
  /** Fields that are refused, and what to do instead. Null, false and 0 are the same as leaving them out. */
  refused: ReadonlyMap<string, string>;
}

/** Fields that are passed on to the provider. */
export interface PassedFields {
  /** Those that the entry of the pipeline names: for whatever provider there is. */
  named: Fields;
  /** Those that both of OpenAI's APIs have. */
  both: Fields;
  /** Those that only this API has. */
  inside: Fields;
}

/** Refuses each field that would have no effect, by its name. Returns those that are passed on to the provider. */
export function passedFields(body: Fields, rules: FieldRules, settings: OpenAISettings): PassedFields {
  const named: Record<string, unknown> = {};
  const both: Record<string, unknown> = {};
  const inside: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (value === undefined || value === null || rules.known.has(name) || rules.idle.has(name)) continue;
    const advice = rules.refused.get(name);
    if (settings.passFields?.includes(name) === true) named[name] = value;
    else if (rules.passed.has(name)) both[name] = value;
    else if (rules.passedInside.has(name)) inside[name] = value;
    else if (advice === undefined)
      throw fieldError(name, 'the server does not know this field: leave it out');
    else if (value !== false && value !== 0) throw fieldError(name, advice);
  }
  return { named, both, inside };
}

/**
 * The fields as `providerOptions`. A provider may speak either of OpenAI's APIs, and each refuses the fields of the other: these are under its name and that of the API, as in
 * `openai.chat`. `chat` and `responses`: fields of one API. Anthropic's API refuses them all, and gets only what the entry names.
 */
export function passedOptions(
  { named, both }: PassedFields,
  { chat = {}, responses = {} }: { chat?: Fields; responses?: Fields },
  { provider = 'openai' }: OpenAISettings,
): Record<string, Record<string, unknown>> {
  const ofOpenAI = provider === 'anthropic' ? 'openai' : provider;
  const options: Record<string, Record<string, unknown>> = {};
  for (const [name, fields] of [
    ...[[provider, named] as const, [ofOpenAI, both] as const],
    ...[[`${ofOpenAI}.chat`, chat] as const, [`${ofOpenAI}.responses`, responses] as const],
  ])
    if (Object.keys(fields).length > 0) options[name] = { ...options[name], ...fields };
  return options;
}

/** Refuses the fields of an object that would have no effect. */
export function requireKnown(fields: Fields, path: string, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name) && fields[name] !== null);
  if (unknown !== undefined)
    throw fieldError(`${path}.${unknown}`, 'the server does not know this field: leave it out');
}

/** The settings that both APIs have under one name. */
export function sharedParameters(body: Fields): Parameters {
  return defined({
    temperature: optionalAt(body, 'temperature', '', numberAt),
    topP: optionalAt(body, 'top_p', '', numberAt),
    parallelToolCalls: optionalAt(body, 'parallel_tool_calls', '', flagAt),
  });
}

/** Metadata of the client: texts by name. */
export function metadataAt(value: unknown, path: string): Record<string, string> {
  const fields = objectAt(value, path);
  return Object.fromEntries(
    Object.entries(fields).map(([name, text]) => [name, textAt(text, `${path}.${name}`)]),
  );
}

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/** How much the model thinks. */
export function effortAt(value: unknown, path: string): (typeof EFFORTS)[number] {
  return oneOfAt(value, path, EFFORTS);
}

/** One of some texts. */
export function oneOfAt<const T extends string>(value: unknown, path: string, texts: readonly T[]): T {
  const found = texts.find((text) => text === value);
  if (found !== undefined) return found;
  throw fieldError(path, `give one of ${texts.join(', ')}`);
}

/** A JSON Schema, or other fields that go on as they are. */
export function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (isRecord(value)) return value;
  throw wrong(path, value, 'give an object');
}

/** A schema for the answer. */
export function jsonSchemaAt(fields: Fields, path: string): ResponseFormat {
  return {
    type: 'json_schema',
    name: nameAt(fields['name'], `${path}.name`),
    schema: optionalAt(fields, 'schema', path, objectOf) ?? {},
    dialect: 'openai',
    ...defined({
      description: optionalAt(fields, 'description', path, textAt),
      strict: optionalAt(fields, 'strict', path, flagAt),
    }),
  };
}

/** An image by its address. The server opens no connection to it: a provider that takes addresses does, and others refuse it. */
export function imageAt(address: unknown, detail: unknown, path: string): ImagePart {
  const url = nameAt(address, path);
  if (!/^(?:https?:\/\/|data:image\/[\w.+-]+;base64,)/i.test(url))
    throw fieldError(path, 'give an https address, or a data: URL of an image in base64');
  const beside = path.replace(/[^.]*$/, 'detail');
  const known = detail === undefined || detail === null ? undefined : oneOfAt(detail, beside, DETAILS);
  return { type: 'image', url, ...(known !== undefined && { detail: known }) };
}

const DETAILS = ['auto', 'low', 'high', 'original'] as const;

/** Sound, in base64. */
export function audioAt(value: unknown, path: string): AudioPart {
  const fields = objectAt(value, path);
  const format = oneOfAt(fields['format'], `${path}.format`, ['wav', 'mp3']);
  return {
    type: 'audio',
    data: nameAt(fields['data'], `${path}.data`),
    mediaType: format === 'wav' ? 'audio/wav' : 'audio/mpeg',
  };
}

/** A document. Files by id are those of the provider's account, which all clients of the server share. */
export function fileAt(fields: Fields, path: string): FilePart {
  if (typeof fields['file_id'] === 'string')
    throw fieldError(`${path}.file_id`, 'files by id are not supported: send file_data');
  const filename = optionalAt(fields, 'filename', path, textAt);
  const address = optionalAt(fields, 'file_url', path, nameAt);
  const named = filename === undefined ? {} : { filename };
  if (address !== undefined) {
    if (!/^https?:\/\//i.test(address)) throw fieldError(`${path}.file_url`, 'give an https address');
    return { type: 'file', url: address, ...named };
  }
  const data = nameAt(fields['file_data'], `${path}.file_data`);
  if (data.startsWith('data:')) return { type: 'file', url: data, ...named };
  return { type: 'file', data, mediaType: 'application/pdf', ...named };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Fields without those that are undefined. */
export function defined<T extends object>(fields: T): Defined<T> {
  const known: Defined<T> = {};
  for (const key in fields) {
    const value = fields[key];
    if (isDefined(value)) known[key] = value;
  }
  return known;
}

function isDefined<V>(value: V): value is Exclude<V, undefined> {
  return value !== undefined;
}
