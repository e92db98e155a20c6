import type { ContentBlock } from '@modelcontextprotocol/server';
import type { ResultPart } from '../../middleware/tools.ts';

/** The parts of a result as MCP has them. `callId` makes addresses for files that have none. */
export function blocksOf(parts: readonly ResultPart[], callId: string): ContentBlock[] {
  return parts.map((part, at) => blockOf(part, `sluice:${callId}/${at}`));
}

function blockOf(part: ResultPart, address: string): ContentBlock {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { data, url, mediaType = 'application/octet-stream' } = part;
  if (data === undefined) {
    if (url === undefined) return { type: 'text', text: `(${part.type}: it is only at the provider)` };
    return { type: 'resource_link', uri: url, name: url.split('/').at(-1) || url, mimeType: mediaType };
  }
  if (mediaType.startsWith('image/')) return { type: 'image', data, mimeType: mediaType };
  if (mediaType.startsWith('audio/')) return { type: 'audio', data, mimeType: mediaType };
  const name = part.type === 'file' ? part.filename : undefined;
  const uri = name === undefined ? address : `${address}/${encodeURIComponent(name)}`;
  return { type: 'resource', resource: { uri, blob: data, mimeType: mediaType } };
}
