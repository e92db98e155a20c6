import type { SentChunk } from '../stream/parts.ts';
import type { SnapshotRun } from './chunk-log.ts';

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

/** What a number in a list takes, in bytes. */
const NUMBER_BYTES = 8;

/** About how much memory a snapshot takes, in bytes. */
export function sizeOfSnapshot(runs: readonly SnapshotRun[]): number {
  let bytes = 0;
  for (const { chunk, pieces = [] } of runs)
    bytes += sizeOf(chunk) + OBJECT_BYTES + NUMBER_BYTES * pieces.length;
  return bytes;
}
