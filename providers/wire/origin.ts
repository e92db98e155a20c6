import type { ProviderBlock } from '../../src/index.ts';
import { isRecord } from './json.ts';

/** Where a block in its original form comes from. It may go back only there. */
export interface Origin {
  /** The API: `anthropic`, `openai.chat` or `openai.responses`. */
  wire: string;
  /** The model, as the request names it. The name in a response may have a date added. */
  model: string;
  /** Undefined if the caller passed a client that does not tell its address. */
  baseURL: string | undefined;
}

/** The origin of a call. A session stores it. */
export function originOf(wire: string, model: string, baseURL: string | undefined): Origin {
  return { wire, model, baseURL: addressOf(baseURL) };
}

/** The host and the path of an address. The rest may hold a secret. Undefined if it is not an address. */
export function addressOf(baseURL: string | undefined): string | undefined {
  const url = baseURL !== undefined && URL.canParse(baseURL) ? new URL(baseURL) : undefined;
  return url === undefined ? undefined : `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** Marks a block with its origin. */
export function blockFrom({ wire, model, baseURL }: Origin, data: unknown): ProviderBlock {
  return { provider: wire, model, ...(baseURL !== undefined && { baseURL }), data };
}

/**
 * The data of a block if it belongs to this origin, otherwise why it does not. A block without a model or a base URL was
 * made by hand, so it is trusted.
 */
export function blockData(
  block: ProviderBlock,
  { wire, model, baseURL }: Origin,
): { data: Record<string, unknown> } | { foreign: string } {
  if (block.provider !== wire) return { foreign: `a block that belongs to ${block.provider} is left out` };
  if (block.model !== undefined && block.model !== model) {
    return { foreign: `a block that belongs to the model ${block.model} is left out` };
  }
  if (block.baseURL !== undefined && baseURL !== undefined && block.baseURL !== baseURL) {
    return { foreign: `a block that came from ${block.baseURL} is left out` };
  }
  return isRecord(block.data) ? { data: block.data } : { foreign: 'a block without fields is left out' };
}
