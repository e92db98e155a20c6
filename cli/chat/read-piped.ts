import { Timer, onAbort } from '../../src/kit/index.ts';
import type { TerminalInput } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

/** How piped input is read. */
export interface PipedOptions {
  /** Gives up if nothing at all arrives for this long, in milliseconds. Default: waits for the end. */
  patienceMs?: number | undefined;
  signal: AbortSignal;
}

/** More than any model can read. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Reads an input that is not a terminal to its end. Resolves to undefined if nothing arrives in time: many programs leave an open pipe, and it would
 * never end. Throws a `UsageError` if the input cannot be read.
 */
export function readPiped(
  input: TerminalInput,
  { patienceMs, signal }: PipedOptions,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const timer = new Timer(giveUp);

    function settle(how: () => void): void {
      timer.stop();
      input.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError).pause();
      listening[Symbol.dispose]();
      how();
    }
    function onData(part: Uint8Array | string): void {
      timer.stop();
      const data = typeof part === 'string' ? Buffer.from(part) : part;
      parts.push(data);
      bytes += data.length;
      if (bytes > MOST_BYTES)
        settle(() => reject(new UsageError(`The input is longer than ${MOST_BYTES} bytes: pipe in less.`)));
    }
    function onEnd(): void {
      settle(() => resolve(new TextDecoder().decode(Buffer.concat(parts))));
    }
    function onError(error: Error): void {
      settle(() => reject(new UsageError(`The input cannot be read: ${error.message}`)));
    }
    function giveUp(): void {
      settle(() => resolve(undefined));
    }

    if (signal.aborted) return resolve(undefined);
    const listening = onAbort(signal, giveUp);
    timer.start(patienceMs ?? Number.POSITIVE_INFINITY);
    input.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);
  });
}
