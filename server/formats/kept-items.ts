import { isVoided } from '../../src/index.ts';
import type { ResetChunk } from '../../src/index.ts';
import type { SentItem } from '../stream/sent-stream.ts';

/** The items of a stream without its resets, and without the chunks that a later reset voids: what an answer in one piece is made of. */
export function keptItems(items: readonly SentItem[]): SentItem[] {
  const resets: ResetChunk[] = [];
  const kept: SentItem[] = [];
  for (const item of [...items].reverse()) {
    if (item.type === 'chunk') {
      const { chunk } = item;
      if (chunk.type === 'reset') {
        resets.push(chunk);
        continue;
      }
      if (resets.some((reset) => isVoided(reset, chunk.call))) continue;
    }
    kept.push(item);
  }
  return kept.reverse();
}
