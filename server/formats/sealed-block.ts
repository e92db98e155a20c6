import type { ProviderBlock } from '../../src/index.ts';
import { isRecord } from '../requests/read.ts';

const MARK = 'sluice-1:';

/** The fields of each kind of thinking that go out and come back. Anything else that a client puts in is dropped. */
const FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['openai.responses reasoning', ['type', 'id', 'summary', 'content', 'encrypted_content', 'status']],
  ['anthropic thinking', ['type', 'thinking', 'signature']],
  ['anthropic redacted_thinking', ['type', 'data']],
]);

/**
 * The provider's own form of a piece of thinking, as one text for protocols that have a place for an opaque value: a signature, metadata. The client keeps it and sends
 * it back. It does not tell the address of the provider. Undefined if the block is not thinking that a provider wants back.
 */
export function sealedBlock(block: ProviderBlock): string | undefined {
  const data = thinkingData(block.provider, block.data);
  if (data === undefined) return undefined;
  const { provider, model } = block;
  return MARK + JSON.stringify({ provider, ...(model !== undefined && { model }), data });
}

/** The block that {@link sealedBlock} made a text of. Undefined for any other text. Only thinking comes out, whatever a client has put in. */
export function openedBlock(sealed: string): ProviderBlock | undefined {
  if (!sealed.startsWith(MARK)) return undefined;
  const value = parsed(sealed.slice(MARK.length));
  if (!isRecord(value)) return undefined;
  const { provider, model } = value;
  if (typeof provider !== 'string') return undefined;
  const data = thinkingData(provider, value['data']);
  if (data === undefined) return undefined;
  return { provider, ...(typeof model === 'string' && { model }), data };
}

function thinkingData(provider: string, data: unknown): Record<string, unknown> | undefined {
  if (!isRecord(data)) return undefined;
  const fields = FIELDS.get(`${provider} ${String(data['type'])}`);
  if (fields === undefined) return undefined;
  return Object.fromEntries(fields.filter((field) => field in data).map((field) => [field, data[field]]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
