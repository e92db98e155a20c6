import type { SluiceError } from '../errors.ts';
import { asSluiceError } from '../middleware-error.ts';

/** What a stream needs of the execution that it belongs to. */
export interface Host {
  /** How long a teardown waits for a layer that ignores its signal, in milliseconds. */
  readonly closeTimeoutMs: number;
  /** Set when the execution was interrupted: batches are cut after the current chunk. */
  halted: boolean;
  /** The batch, cut, in which a tap interrupted the execution. */
  current: readonly unknown[];
  warn(message: string): void;
}

/** The host of a stream outside any execution. */
export function standaloneHost(): Host {
  return { closeTimeoutMs: 1_000, halted: false, current: [], warn: () => undefined };
}

/** Either of the two, without a hop where nothing is waited for. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with a value, at once where it is there. */
export function andThen<T, U>(value: MaybePromise<T>, go: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(go) : go(value);
}

/**
 * Waits for a part of a teardown, at most `host.closeTimeoutMs`. What it throws and its lateness become warnings: a teardown never
 * fails and never hangs.
 */
export async function bounded(host: Host, name: string, work: MaybePromise<unknown>): Promise<void> {
  if (!(work instanceof Promise)) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(
      resolve,
      host.closeTimeoutMs,
      `"${name}" ignored its signal and was abandoned after ${host.closeTimeoutMs} ms.`,
    );
  });
  const warning = await Promise.race([
    work.then(
      () => undefined,
      (error: unknown) => failed(name, error),
    ),
    late,
  ]);
  clearTimeout(timer);
  if (warning !== undefined) host.warn(warning);
}

function failed(name: string, error: unknown): string {
  const kind = error instanceof Error ? error.name : 'a value that is no Error';
  return `"${name}" threw ${kind} while it was torn down.`;
}

/** Closes a source; what it throws at once comes as a rejection. */
export function closing(source: Closable, error: SluiceError): MaybePromise<void> {
  try {
    return source.close(error);
  } catch (thrown) {
    return Promise.reject(asSluiceError(thrown, 'source'));
  }
}

interface Closable {
  close(error: SluiceError): MaybePromise<void>;
}
