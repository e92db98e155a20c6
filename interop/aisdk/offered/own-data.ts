import type { ProviderBlock, ToolResultPart } from '../../../src/index.ts';
import { isRecord } from '../../../providers/wire/index.ts';
import type { JSONObject, JSONValue, Metadata } from './types.ts';

/** What the parts of a reply carry under our name, so that the next prompt can be made into the messages that they were. */
export interface OwnData {
  block?: ProviderBlock;
  /** The model's provider ran the call, not the pipeline. */
  providerExecuted?: true;
  /** The whole result of a tool, if it is more than text. */
  parts?: Exclude<ToolResultPart['content'], string>;
}

const NAME = 'sluice';

/** Puts our data into a part. */
export function withOwnData(data: OwnData): Metadata {
  const plain = plainObject(data);
  return plain === undefined || Object.keys(plain).length === 0
    ? {}
    : { providerMetadata: { [NAME]: plain } };
}

/** Reads our data from the options of a part of a prompt. It came through the caller, so it is checked. */
export function ownData(part: Readonly<Record<string, unknown>>): OwnData {
  const options = part['providerOptions'];
  const own = isRecord(options) ? options[NAME] : undefined;
  if (!isRecord(own)) return {};
  const { block, parts } = own;
  return {
    ...(isBlock(block) && { block }),
    ...(own['providerExecuted'] === true && { providerExecuted: true }),
    ...(isParts(parts) && { parts }),
  };
}

function isBlock(value: unknown): value is ProviderBlock {
  return isRecord(value) && typeof value['provider'] === 'string' && 'data' in value;
}

function isParts(value: unknown): value is NonNullable<OwnData['parts']> {
  const types = new Set(['text', 'image', 'file']);
  return Array.isArray(value) && value.every((part) => isRecord(part) && types.has(String(part['type'])));
}

/** A value as JSON data. Undefined if JSON cannot hold it. */
export function plainObject(value: object): JSONObject | undefined {
  const plain = plainValue(value);
  return isObject(plain) ? plain : undefined;
}

/** A value as JSON. Undefined for a function and the like. */
export function plainValue(value: unknown): JSONValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map((one) => plainValue(one) ?? null);
  if (typeof value !== 'object') return undefined;
  // Not by assignment: a key `__proto__` is one like any other.
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, plainValue(inner)] as const)
      .filter(([, known]) => known !== undefined),
  );
}

function isObject(value: JSONValue | undefined): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
