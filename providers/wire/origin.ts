import type { ProviderBlock } from '../../src/index.ts';
import { isRecord } from './json.ts';

/** Where a provider's verbatim block comes from, and so the only place that it may go back to. */
export interface Origin {
  /** The wire: `anthropic`, `openai.chat`, `openai.responses`. */
  wire: string;
  /** The model asked for, as the request names it: the name that answers may carry a date. */
  model: string;
  /** Undefined if a client that was passed in does not tell it. */
  baseURL: string | undefined;
}

/** The origin of a call. Of the address only host and path are kept: a session stores it, and the rest may hold a secret. */
export function originOf(wire: string, model: string, baseURL: string | undefined): Origin {
  const url = baseURL !== undefined && URL.canParse(baseURL) ? new URL(baseURL) : undefined;
  const address = url === undefined ? undefined : `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  return { wire, model, baseURL: address };
}

/** Marks a block with its origin. */
export function blockFrom({ wire, model, baseURL }: Origin, data: unknown): ProviderBlock {
  return { provider: wire, model, ...(baseURL !== undefined && { baseURL }), data };
}

/**
 * The data of a block if it belongs here, else why it does not. A block without a model or a base URL was made by hand:
 * the caller vouches for it.
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
