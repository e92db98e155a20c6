import { isSluiceError } from '../../src/index.ts';
import type { LostTurn, Pipeline } from '../../src/index.ts';
import { delay } from '../../src/kit/index.ts';
import type { LoggedStart, OpenedOwner, StreamKey } from '../log/chunk-log.ts';
import type { SentEnd } from '../stream/parts.ts';
import { endOfLost, endOfStopped } from './ends.ts';
import { LogWriter } from './log-writer.ts';
import type { Settings } from './options.ts';
import { partialReply } from './partial-reply.ts';

/** The wait before what readers have seen is stored again, in milliseconds. */
const AGAIN_MS = 250;

/** A turn of a session whose process died, and whose stream this process has taken over. */
export interface TakenStream {
  key: StreamKey;
  start: LoggedStart;
  opened: OpenedOwner;
}

/** What the end of it needs. */
export interface EndingHost {
  readonly settings: Pick<Settings, 'log' | 'storeWaitMs'>;
  /** Whether this process shuts down. */
  isClosing(this: void): boolean;
}

/**
 * Ends a turn that nobody goes on with. First the session gets what readers have seen of it, then the stream its end, so that whoever reads the end finds the session complete. If this process
 * dies in between, the next one finds a stream without an owner again, and does the same: what is stored already is not stored twice.
 */
export async function endLost(
  pipeline: Pipeline,
  { settings, isClosing }: EndingHost,
  { key, start, opened }: TakenStream,
): Promise<void> {
  const { log, storeWaitMs } = settings;
  // It renews the lease until then.
  const nothing = (): void => undefined;
  const writer = new LogWriter({ log, opened, storeWaitMs, coalesceMs: 0, appended: nothing, lost: nothing });
  const { stop } = opened;
  const end = stop === undefined ? endOfLost() : endOfStopped(stop, 'finder');
  const store = async (): Promise<void> => {
    const { outcome, reason } = end;
    const messages = await partialReply(log, key, storeWaitMs);
    const lost: LostTurn = {
      ...{ turnId: start.turnId, reason, messages },
      outcome: outcome === 'cancelled' ? outcome : 'failed',
    };
    if (start.session !== undefined && writer.lost === undefined)
      await pipeline.endLostTurn(start.session, lost);
  };
  const isStored = await stored(store, storeWaitMs, isClosing);
  // The store may be closed already. Another process finds the stream when the lease is over.
  if (!isStored && isClosing() && log.isShared !== false) await writer.leave();
  else await writer.finish(isStored ? end : unsaved(end));
}

/** Whether it was stored: tried again for so long if a store fails. */
async function stored(
  store: () => Promise<void>,
  waitMs: number,
  isClosing: () => boolean,
): Promise<boolean> {
  const until = performance.now() + waitMs;
  for (;;) {
    try {
      await store();
      return true;
    } catch (error) {
      // Whoever has taken the session has it to write to it: then there is nothing to store any more.
      const isAgain = isSluiceError(error) && (error.retryable || error.code === 'lease_lost');
      if (!isAgain || isClosing() || performance.now() >= until) return false;
    }
    await delay(AGAIN_MS);
  }
}

/** A run whose reply cannot be stored says that, too. */
function unsaved(end: SentEnd): SentEnd {
  return { ...end, warnings: ['What had come of the reply was not saved.'] };
}
