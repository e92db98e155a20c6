import type { SentChunk } from '../stream/parts.ts';

/** What an object of a chunk takes besides its texts, in bytes: about as measured in V8. */
const OBJECT_BYTES = 100;

/** About how much memory a chunk takes, in bytes. */
function sizeOf(chunk: SentChunk): number {
  const isText = (chunk.type === 'content' || chunk.type === 'thinking') && chunk.block === undefined;
  if (isText && !('citations' in chunk)) return OBJECT_BYTES + 2 * chunk.content.length;
  return OBJECT_BYTES + 2 * JSON.stringify(chunk).length;
}

/** About how much memory some chunks take, in bytes. */
export function sizeOfAll(chunks: readonly SentChunk[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += sizeOf(chunk);
  return bytes;
}
