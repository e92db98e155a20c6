import { Timer } from '../../src/kit/index.ts';
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
export function openStream(stream: SentStream, waitMs: number): Promise<Opening> {
  return new Promise((resolve, reject) => {
    const items: SentItem[] = [];
    let pending = stream.next();
    let isLate = false;
    const timer = new Timer(() => {
      isLate = true;
      resolve({ items, pending });
    });
    const opened = (error?: SentError): void => {
      timer.stop();
      resolve(error === undefined ? { items } : { items, error });
    };
    const took = (read: SentItem[] | undefined): void => {
      // Whoever has `pending` reads it.
      if (isLate) return;
      items.push(...(read ?? []));
      const first = read?.find(({ type }) => type !== 'start');
      if (read !== undefined && first === undefined) goOn();
      else opened(first?.type === 'end' ? first.end.error : undefined);
    };
    const failed = (error: Error): void => {
      timer.stop();
      reject(error);
    };
    const goOn = (): void => {
      pending = stream.next();
      pending.then(took, failed);
    };
    timer.start(waitMs);
    pending.then(took, failed);
  });
}
