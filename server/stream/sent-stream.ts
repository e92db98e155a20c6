import type { SentReset } from '../log/chunk-log.ts';
import type { SentChunk, SentEnd, SentStart } from './parts.ts';

/** What a reader of a turn gets first. */
export interface StartItem {
  type: 'start';
  start: SentStart;
  /** What a log knows when the reader joins: the resets that void something, the oldest first, and how many chunks there are. */
  resets?: readonly SentReset[];
  count?: number;
}

/** A chunk that a reader gets. */
export interface ChunkItem {
  type: 'chunk';
  chunk: SentChunk;
  position: number;
  at: number;
  /** It comes from the snapshot of what the log has dropped: its time is that of the text which it is a piece of. */
  trimmed?: true;
}

/** One thing that a reader of a turn gets. `position`: 0 for the start, index + 1 for a chunk, and the end follows the last chunk. `at`: milliseconds since the epoch. */
export type SentItem = StartItem | ChunkItem | { type: 'end'; end: SentEnd; position: number; at: number };

/** A turn as one reader gets it, straight from its execution or from a chunk log. */
export interface SentStream {
  /** The model that gave the first chunk, as soon as that has come. Undefined if nobody knows it: a log has no word of it before the end. */
  readonly model?: string | undefined;
  /**
   * The items that are there, at least one; waits if there are none. Undefined after the end. It never rejects for an execution that failed, because that is an end; it rejects
   * with a `SluiceError` if the log cannot be read.
   */
  next(): Promise<SentItem[] | undefined>;
  /** The reader leaves. An execution without a log is cancelled by it, with this reason. */
  close(reason?: string): Promise<void>;
}
