import { Timer } from '../kit/timer.ts';

/** How long somebody may wait for the result of a stream that nobody reads before there is a warning, in milliseconds. */
const WARN_AFTER_MS = 5_000;

const UNREAD =
  'stream.result waits for a stream that nobody reads, and it does not read the stream itself. ' +
  'Read the stream (for await (const chunk of stream) ...), await stream.text(), or use execute().';

/**
 * Warns once if nobody has read a stream some time after its result was asked for: such a wait never ends. The timer keeps the process alive, so that a
 * program that only waits for the result gets the warning before it exits. Returns what stops the timer.
 */
export function warnIfUnread(isRead: () => boolean): Disposable | undefined {
  if (isRead()) return undefined;
  const timer = new Timer(() => {
    // A logger may be missing, and whoever wrote the wait must see it.
    // eslint-disable-next-line no-console
    if (!isRead()) console.warn(UNREAD);
  });
  timer.start(WARN_AFTER_MS);
  return timer;
}
