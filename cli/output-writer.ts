import type { Writable } from 'node:stream';
import { onAbort } from '../src/kit/index.ts';

/** Writes to an output whose reader may be slow, or may leave. */
export interface OutputWriter {
  /** Writes a text. If the reader is slow, returns a promise that resolves when the reader has caught up or has left. Never throws. */
  write(text: string): Promise<void> | undefined;
  /** Aborted when nothing more can be written. The reason is the stream's error. */
  readonly gone: AbortSignal;
  /** Resolves when everything written has been passed on, or can no longer be. */
  flushed(): Promise<void>;
}

/** Wraps a stream, so that a reader that leaves, as `head` does, aborts a signal instead of crashing the process. */
export function outputWriter(stream: Writable): OutputWriter {
  const gone = new AbortController();
  stream.on('error', (error) => gone.abort(error));
  let drained: Promise<void> | undefined;

  function whenDrained(): Promise<void> {
    drained ??= new Promise<void>((resolve) => {
      const listening = onAbort(gone.signal, () => resolve());
      stream.once('drain', () => {
        listening[Symbol.dispose]();
        resolve();
      });
    }).finally(() => (drained = undefined));
    return drained;
  }

  return {
    gone: gone.signal,
    write(text) {
      if (gone.signal.aborted || text === '' || stream.write(text)) return undefined;
      return whenDrained();
    },
    flushed() {
      return new Promise((resolve) => {
        onAbort(gone.signal, () => resolve());
        if (!gone.signal.aborted) stream.write('', () => resolve());
      });
    },
  };
}

/** Whether an output failed because its reader left, which does not count as a failure. */
export function isReaderGone(reason: unknown): boolean {
  const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED';
}
