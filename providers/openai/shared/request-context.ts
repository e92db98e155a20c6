import { wellFormed } from '../../../src/index.ts';
import type {
  ModelRequest,
  Part,
  ResponseFormat,
  TextPart,
  ToolCallPart,
  ToolChoice,
} from '../../../src/index.ts';
import { isRecord, providerOptionsOf, sentArguments, unsupportedReporter } from '../../wire/index.ts';
import type { BlockTarget } from '../../wire/index.ts';
import type { Settings } from '../options.ts';
import type { ThinkingBack } from '../server/thinking-back.ts';

/** What the body of a request is made from. */
export interface RequestContext extends BlockTarget {
  settings: Settings;
  request: ModelRequest;
  /** How the server wants thinking back (chat). Undefined: it does not want it. */
  thinkingBack?: ThinkingBack | undefined;
}

/** A JSON object of a request. */
export type Json = Record<string, unknown>;

/** Completes a context with the reporter of parts that cannot be sent. */
export function requestContext(
  parts: Omit<RequestContext, 'unsupported'>,
  warn: (message: string) => void,
): RequestContext {
  const { settings, request } = parts;
  const strict = request.parameters.strict ?? settings.strict;
  return { ...parts, unsupported: unsupportedReporter(settings.name, strict, warn) };
}

/** The fields that the caller gave for this provider, and for the API that it speaks. */
export function providerFields({ settings: { name, api }, request }: RequestContext): Json {
  const { parameters } = request;
  return withProviderFields(
    { ...providerOptionsOf(parameters, name) },
    providerOptionsOf(parameters, `${name}.${api}`),
  );
}

/** Lists that a caller adds to, such as server tools to functions. */
const JOINED: ReadonlySet<string> = new Set(['tools', 'include']);

/**
 * A body with the caller's own fields. They take precedence: objects are merged key by key, `tools` and `include` are
 * joined, all else is replaced.
 */
export function withProviderFields(body: Json, fields: Json): Json {
  const merged = { ...body };
  for (const [key, value] of Object.entries(fields)) {
    const old = merged[key];
    const [first, second] = JOINED.has(key) ? [listOf(old), listOf(value)] : [];
    if (first !== undefined && second !== undefined) merged[key] = [...new Set([...first, ...second])];
    else merged[key] = isRecord(old) && isRecord(value) ? { ...old, ...value } : value;
  }
  return merged;
}

/**
 * The tool choice, if there are tools, either of the request or of the caller's own fields. Without tools the API refuses
 * the field, and a choice that requires a call is reported.
 */
export function choiceOfTools(context: RequestContext, fields: Json): ToolChoice | undefined {
  const choice = context.request.parameters.toolChoice;
  if (hasTools(context, fields)) return choice;
  if (choice === 'required' || typeof choice === 'object') {
    context.unsupported('there are no tools to choose from, toolChoice is left out');
  }
  return undefined;
}

/** Whether parallel calls are wanted. Like the tool choice, the API refuses the field if there are no tools. */
export function parallelCalls(context: RequestContext, fields: Json): boolean | undefined {
  return hasTools(context, fields) ? context.request.parameters.parallelToolCalls : undefined;
}

function hasTools({ request }: RequestContext, fields: Json): boolean {
  return (request.tools?.length ?? 0) > 0 || (listOf(fields['tools'])?.length ?? 0) > 0;
}

function listOf(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

/** The JSON text of a call's arguments. Half of a surrogate pair in them would stay one, as an escape in the text. */
export function argumentsText(part: ToolCallPart): string {
  return JSON.stringify(wellFormed(sentArguments(part)));
}

/** The text of a custom tool's call, as the model wrote it. */
export function inputText(part: ToolCallPart): string {
  return typeof part.arguments === 'string' ? part.arguments : argumentsText(part);
}

/** Whether there are no parts but empty texts. */
export function saysNothing(parts: readonly Part[]): boolean {
  return parts.every(isEmptyText);
}

/** Whether a part is an empty text. Some servers refuse those. */
export function isEmptyText(part: Part): part is TextPart {
  return part.type === 'text' && part.text === '';
}

/** A JSON Schema in the form that is common to the two APIs. */
export function jsonSchema(format: Extract<ResponseFormat, { type: 'json_schema' }>): Json {
  return {
    name: format.name,
    ...(format.description !== undefined && { description: format.description }),
    schema: format.schema,
    ...(format.strict !== undefined && { strict: format.strict }),
  };
}

/** Fields without those that are undefined. */
export function defined(fields: Json): Json {
  const known: Json = {};
  for (const name of Object.keys(fields)) if (fields[name] !== undefined) known[name] = fields[name];
  return known;
}
