import type { Writable } from 'node:stream';

/** The writing end of an output whose reader may be slow, or leave. */
export interface Outlet {
  /** Writes; a promise where the reader is behind, which settles when it has caught up or has left. Never throws. */
  write(text: string): Promise<void> | undefined;
  /** Aborted when nothing more can be written; its reason is the stream's error. */
  readonly gone: AbortSignal;
  /** Resolves when everything written has been handed over, or cannot be. */
  flushed(): Promise<void>;
}

/** Wraps a stream so that a reader that leaves, as `head` does, is a signal instead of a crash. */
export function outlet(stream: Writable): Outlet {
  const gone = new AbortController();
  stream.on('error', (error) => gone.abort(error));
  let drained: Promise<void> | undefined;

  function whenDrained(): Promise<void> {
    drained ??= new Promise<void>((resolve) => {
      stream.once('drain', resolve);
      gone.signal.addEventListener('abort', () => resolve(), { once: true });
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
        if (gone.signal.aborted) return resolve();
        gone.signal.addEventListener('abort', () => resolve(), { once: true });
        stream.write('', () => resolve());
      });
    },
  };
}

/** Whether an output failed because its reader left, which is no failure of ours. */
export function isReaderGone(reason: unknown): boolean {
  const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED';
}
