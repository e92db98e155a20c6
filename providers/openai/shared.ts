import { SluiceError } from '../../src/index.ts';
import type {
  FilePart,
  ImagePart,
  ModelRequest,
  Part,
  ProviderBlock,
  ResponseFormat,
  ToolCallPart,
  ToolChoice,
} from '../../src/index.ts';
import { blockData, isRecord } from '../wire/index.ts';
import type { Origin } from '../wire/index.ts';
import type { Settings } from './options.ts';

/** What a request is built with. */
export interface Building {
  settings: Settings;
  request: ModelRequest;
  /** Where it goes: blocks of another origin are left out. */
  origin: Origin;
  /** Says, once each, what cannot be honoured: a warning, or with `strict` an error. */
  unsupported(message: string): void;
}

/** A JSON object of a request. */
export type Json = Record<string, unknown>;

/** Starts building a request. Throws `invalid_request` at the first thing that cannot be honoured where that is asked for. */
export function building(
  call: Pick<Building, 'settings' | 'request' | 'origin'>,
  warn: (message: string) => void,
): Building {
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

/** A part's bytes as a data URL, or the address it was given with. */
export function addressOf(part: ImagePart | FilePart, fallbackType: string): string | undefined {
  if (part.url !== undefined) return part.url;
  return part.data === undefined ? undefined : `data:${part.mediaType ?? fallbackType};base64,${part.data}`;
}

/** OpenAI's name of a sound format; it takes wav and mp3 alone. */
export function audioFormat(mediaType: string): 'wav' | 'mp3' | undefined {
  const type = mediaType.toLowerCase().split(';')[0]?.trim() ?? '';
  if (/^audio\/(?:x-|vnd\.)?wave?$/.test(type)) return 'wav';
  return /^audio\/(?:mpeg|mp3|x-mp3|mpeg3)$/.test(type) ? 'mp3' : undefined;
}

/** The JSON text of a call's arguments. */
export function argumentsText(part: ToolCallPart): string {
  return JSON.stringify(part.arguments ?? {});
}

/** A block's data if it goes back to where it came from; else undefined, and a warning says why. */
export function ownBlock(build: Building, block: ProviderBlock | undefined): Json | undefined {
  if (block === undefined) return undefined;
  const found = blockData(block, build.origin);
  if ('data' in found) return { ...found.data };
  build.unsupported(found.foreign);
  return undefined;
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
