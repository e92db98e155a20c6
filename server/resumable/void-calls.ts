import type { ChunkLog, StreamKey } from '../log/chunk-log.ts';
import { logCall } from './log-call.ts';

/** The numbers of all chunks of a stream: what another run of the turn has to void. If the oldest chunks are lost, all numbers up to the highest. */
export async function callsIn(log: ChunkLog, key: StreamKey, waitMs: number): Promise<number[]> {
  const calls = new Set<number>();
  for (let after = 0; ;) {
    const at = after;
    const { value: page } = await logCall('read', () => log.read(key, { after: at }), waitMs);
    if (page === undefined) break;
    if (page.first > after) {
      if (page.snapshot === undefined)
        for (let call = 1; call <= highestIn(page.entries); call++) calls.add(call);
      for (const { chunk } of page.snapshot ?? []) if (chunk.type !== 'reset') calls.add(chunk.call);
    }
    for (const { from, chunks } of page.entries) {
      for (const chunk of chunks) if (chunk.type !== 'reset') calls.add(chunk.call);
      after = Math.max(after, from + chunks.length);
    }
    if (after >= page.next || page.entries.length === 0) break;
  }
  return [...calls].sort((a, b) => a - b);
}

function highestIn(entries: readonly { chunks: readonly { call: number }[] }[]): number {
  let highest = 0;
  for (const { chunks } of entries) for (const { call } of chunks) highest = Math.max(highest, call);
  return highest;
}
