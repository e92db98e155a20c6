import { withDeadline } from '../../src/kit/index.ts';
import type { SentError } from '../stream/parts.ts';
import type { SentItem, SentStream } from '../stream/sent-stream.ts';

/** What a stream had to say before its headers were sent. */
export interface Opening {
  /** What was read, in order. */
  items: SentItem[];
  /** The read that was under way when the time was over. It comes before any other. */
  pending?: Promise<SentItem[] | undefined>;
  /** It failed before its first chunk: the answer is this error, with its status. */
  error?: SentError;
}

/**
 * Reads a stream up to its first chunk or its end, but for at most `waitMs`. An error that comes so early still has a status of its own. Rejects if the stream cannot be
 * read.
 */
export async function openStream(stream: SentStream, waitMs: number): Promise<Opening> {
  const items: SentItem[] = [];
  const until = Date.now() + waitMs;
  for (;;) {
    const pending = stream.next();
    let read: SentItem[] | undefined;
    try {
      read = await withDeadline(pending, until - Date.now(), { error: () => LATE });
    } catch (error) {
      if (error === LATE) return { items, pending };
      throw error;
    }
    if (read === undefined) return { items };
    items.push(...read);
    const first = read.find(({ type }) => type !== 'start');
    if (first === undefined) continue;
    const error = first.type === 'end' ? first.end.error : undefined;
    return error === undefined ? { items } : { items, error };
  }
}

/** Says that the time is over. */
const LATE = new Error('The first chunk has not come yet.');
