import type { ProviderBlock } from '../../src/index.ts';
import { blockFrom, isRecord } from '../../providers/wire/index.ts';
import type { Origin } from '../../providers/wire/index.ts';
import type { ProviderData } from './model.ts';

/** A part's block: its metadata and what else must go back, marked with where the part came from. */
export function keptBlock(origin: Origin, kept: Readonly<Record<string, unknown>>): ProviderBlock {
  const data: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(kept)) if (value !== undefined) data[name] = value;
  return blockFrom(origin, data);
}

/** The metadata of a part of a stream, if there is any. */
export function metadataOf(part: Readonly<Record<string, unknown>>): ProviderData | undefined {
  const given = part['providerMetadata'];
  return isProviderData(given) ? given : undefined;
}

function isProviderData(given: unknown): given is ProviderData {
  return isRecord(given) && Object.keys(given).length > 0 && Object.values(given).every(isRecord);
}

/** What a kept block goes back with: the metadata that came with the part. */
export function optionsOf(data: Readonly<Record<string, unknown>> | undefined): {
  providerOptions?: ProviderData;
} {
  const providerOptions = data === undefined ? undefined : metadataOf(data);
  return providerOptions === undefined ? {} : { providerOptions };
}
