import { Accumulator } from '../../src/index.ts';
import type { Message } from '../../src/index.ts';
import type { ChunkLog, StreamKey } from '../log/chunk-log.ts';
import { chunksOfSnapshot } from '../log/snapshot.ts';
import { logCall } from './log-call.ts';

/** What the chunks of a stream add up to, as its readers have it: without what was void. If the log has dropped the oldest ones, and has no snapshot of them, what is left. */
export async function partialReply(log: ChunkLog, key: StreamKey, waitMs: number): Promise<Message[]> {
  const accumulator = new Accumulator();
  for (let after = 0; ;) {
    const at = after;
    const { value: page } = await logCall('read', () => log.read(key, { after: at }), waitMs);
    if (page === undefined) break;
    for (const { chunk } of chunksOfSnapshot(page.snapshot ?? [], after)) accumulator.add(chunk);
    after = Math.max(after, page.first);
    for (const { from, chunks } of page.entries) {
      for (const chunk of chunks.slice(Math.max(0, after - from))) accumulator.add(chunk);
      after = Math.max(after, from + chunks.length);
    }
    if (after >= page.next || page.entries.length === 0) break;
  }
  return accumulator.messages();
}
