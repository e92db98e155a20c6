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

/** Adds to the parts of a context what reports the parts of the request that cannot be sent. */
export function requestContext(
  parts: Omit<RequestContext, 'unsupported'>,
  warn: (message: string) => void,
): RequestContext {
  const { settings, request } = parts;
  const strict = request.parameters.strict ?? settings.strict;
  return { ...parts, unsupported: unsupportedReporter(settings.name, strict, warn) };
}

/** The fields that the caller gave for this provider. */
export function providerFields({ settings, request }: RequestContext): Json {
  return { ...providerOptionsOf(request.parameters, settings.name) };
}

/** Lists that a caller adds to: server-side tools stand beside functions. */
const JOINED: ReadonlySet<string> = new Set(['tools', 'include']);

/**
 * A body with the caller's own fields over it. They win: objects are merged key by key, `tools` and `include` are joined,
 * everything else is replaced.
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
 * The choice among the tools, where there are any, ours or the caller's own: without tools the API refuses the field, and a choice
 * that prescribes one cannot be honoured.
 */
export function choiceOfTools(context: RequestContext, fields: Json): ToolChoice | undefined {
  const choice = context.request.parameters.toolChoice;
  if (hasTools(context, fields)) return choice;
  if (choice === 'required' || typeof choice === 'object') {
    context.unsupported('toolChoice cannot be honoured: there are no tools');
  }
  return undefined;
}

/** Whether parallel calls are wished for; like the choice, it is refused where there are no tools. */
export function parallelCalls(context: RequestContext, fields: Json): boolean | undefined {
  return hasTools(context, fields) ? context.request.parameters.parallelToolCalls : undefined;
}

function hasTools({ request }: RequestContext, fields: Json): boolean {
  return (request.tools?.length ?? 0) > 0 || (listOf(fields['tools'])?.length ?? 0) > 0;
}

function listOf(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

/** The JSON text of a call's arguments. A half character in them would still be one as an escape in the text. */
export function argumentsText(part: ToolCallPart): string {
  return JSON.stringify(wellFormed(sentArguments(part)));
}

/** The text of a call of a custom tool: what the model wrote, as it wrote it. */
export function inputText(part: ToolCallPart): string {
  return typeof part.arguments === 'string' ? part.arguments : argumentsText(part);
}

/** Whether parts hold no more than empty text, or nothing. */
export function saysNothing(parts: readonly Part[]): boolean {
  return parts.every(isEmptyText);
}

/** Whether a part is a text without a character, which says nothing and which some servers refuse. */
export function isEmptyText(part: Part): part is TextPart {
  return part.type === 'text' && part.text === '';
}

/** A JSON Schema as the wire wants it, in the place where the two wires agree. */
export function jsonSchema(format: Extract<ResponseFormat, { type: 'json_schema' }>): Json {
  return {
    name: format.name,
    ...(format.description !== undefined && { description: format.description }),
    schema: format.schema,
    ...(format.strict !== undefined && { strict: format.strict }),
  };
}

/** Fields with a value: what is undefined is left out. */
export function defined(fields: Json): Json {
  const known: Json = {};
  for (const name of Object.keys(fields)) if (fields[name] !== undefined) known[name] = fields[name];
  return known;
}
