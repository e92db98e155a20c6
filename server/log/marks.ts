import { isVoided } from '../../src/index.ts';
import type { SentChunk } from '../stream/parts.ts';
import type { SentReset } from './chunk-log.ts';
import { resetOf } from './chunk-text.ts';
import { Resets } from './resets.ts';

/**
 * What a log in a database keeps beside the chunks, so that a read of one page knows the resets of the whole stream: lines of JSON, a number for the first chunk of a call and
 * the whole chunk for a reset. They are only ever added to.
 */
export interface Marks {
  /** The lines of one append. Mostly there are none. */
  readonly text: string;
  /** The numbers that have a line and are not void since. The next append of the same owner needs no line for them. */
  readonly valid: ReadonlySet<number>;
}

/** The marks of an append. `valid`: those that the owner's last append returned. A line too many changes nothing. */
export function marksOf(chunks: readonly SentChunk[], valid: ReadonlySet<number>): Marks {
  let text = '';
  let now: Set<number> | undefined;
  for (const chunk of chunks) {
    if (chunk.type === 'reset') {
      text += `${JSON.stringify(chunk)}\n`;
      now = new Set([...(now ?? valid)].filter((call) => !isVoided(chunk, call)));
    } else if (!(now ?? valid).has(chunk.call)) {
      text += `${chunk.call}\n`;
      now = new Set(now ?? valid).add(chunk.call);
    }
  }
  return { text, valid: now ?? valid };
}

/** The resets that void a chunk. Throws a `TypeError` or `SyntaxError` if the text is not made of marks. */
export function resetsOfMarks(text: string): readonly SentReset[] {
  const resets = new Resets();
  // Without a reset there is nothing to find out.
  if (!text.includes('{')) return resets.list;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const mark: unknown = JSON.parse(line);
    if (typeof mark === 'number') resets.addCall(mark);
    else resets.addReset(resetOf(mark));
  }
  return resets.list;
}
