import { SluiceError, wellFormed } from '../../../src/index.ts';
import type {
  ModelRequest,
  Part,
  ProviderBlock,
  ResponseFormat,
  TextPart,
  ToolCallPart,
  ToolChoice,
  ToolResultPart,
} from '../../../src/index.ts';
import { blockData, isRecord, sentArguments } from '../../wire/index.ts';
import type { Origin } from '../../wire/index.ts';
import type { Settings } from '../options.ts';
import type { ThinkingBack } from '../server/thinking-back.ts';

/** What a request is built with. */
export interface Building {
  settings: Settings;
  request: ModelRequest;
  /** Where it goes: blocks of another origin are left out. */
  origin: Origin;
  /** How the server wants thinking back (chat); undefined: not at all. */
  thinkingBack?: ThinkingBack | undefined;
  /** Says, once each, what cannot be honoured: a warning, or with `strict` an error. */
  unsupported(this: void, message: string): void;
}

/** A JSON object of a request. */
export type Json = Record<string, unknown>;

/** Starts building a request. Throws `invalid_request` at the first thing that cannot be honoured where that is asked for. */
export function building(call: Omit<Building, 'unsupported'>, warn: (message: string) => void): Building {
  const { settings, request } = call;
  const said = new Set<string>();
  const strict = request.parameters.strict ?? settings.strict;
  return {
    ...call,
    unsupported(message) {
      const whole = `${settings.name}: ${message}`;
      if (strict) throw new SluiceError('invalid_request', whole, { provider: settings.name });
      if (said.has(whole)) return;
      said.add(whole);
      warn(whole);
    },
  };
}

/** The fields that the caller gave for this provider. */
export function providerFields({ settings, request }: Building): Json {
  const all = request.parameters.providerOptions;
  return all !== undefined && Object.hasOwn(all, settings.name) ? { ...all[settings.name] } : {};
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
export function choiceOfTools(build: Building, fields: Json): ToolChoice | undefined {
  const choice = build.request.parameters.toolChoice;
  if (hasTools(build, fields)) return choice;
  if (choice === 'required' || typeof choice === 'object') {
    build.unsupported('toolChoice cannot be honoured: there are no tools');
  }
  return undefined;
}

/** Whether parallel calls are wished for; like the choice, it is refused where there are no tools. */
export function parallelCalls(build: Building, fields: Json): boolean | undefined {
  return hasTools(build, fields) ? build.request.parameters.parallelToolCalls : undefined;
}

function hasTools({ request }: Building, fields: Json): boolean {
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

/** A block's data if it goes back to where it came from; else undefined, and a warning says why. */
export function ownBlock(build: Building, block: ProviderBlock | undefined): Json | undefined {
  if (block === undefined) return undefined;
  const found = blockData(block, build.origin);
  if ('data' in found) return { ...found.data };
  build.unsupported(found.foreign);
  return undefined;
}

/**
 * The verbatim form of a call that a provider ran itself, or of its result. To another provider it means nothing: both are left
 * out, and neither ever becomes a call of the client's.
 */
export function providerRun(build: Building, part: ToolCallPart | ToolResultPart): Json | undefined {
  if (part.block !== undefined) return ownBlock(build, part.block);
  // The verbatim form of the call holds its result, too.
  if (part.type === 'tool_result') return undefined;
  build.unsupported(`a call of ${part.name} that a provider ran itself is left out: its block is missing`);
  return undefined;
}

/** Whether parts hold no more than empty text, or nothing. */
export function saysNothing(parts: readonly Part[]): boolean {
  return parts.every(isEmptyText);
}

/** Whether a part is a text without a character, which says nothing and which some servers refuse. */
export function isEmptyText(part: Part): part is TextPart {
  return part.type === 'text' && part.text === '';
}

/** Says which part of a message the wire has no place for. */
export function leftOut(build: Building, part: Part, role: string): void {
  build.unsupported(
    `a part of type ${part.type} in a message of role ${role} cannot be sent, it is left out`,
  );
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
