import { SluiceError, findSluiceError } from '../../src/index.ts';
import type { ErrorJson } from '../../src/index.ts';

/** What the server keeps of callers outside of its process. */
type CallersStore = 'counter of callers' | 'store of tickets';

/** A failure of one of them. The message may quote what is behind it, so a client reads only which one failed. */
class CallersStoreError extends SluiceError {
  readonly #store: CallersStore;

  constructor(store: CallersStore, cause: unknown) {
    const known = findSluiceError(cause);
    super('store', known?.message ?? `The ${store} failed (see the cause).`, {
      retryable: known?.retryable,
      retryAfterMs: known?.retryAfterMs,
      cause,
    });
    this.#store = store;
  }

  override toJSON(): ErrorJson {
    return { ...super.toJSON(), message: `The ${this.#store} failed.` };
  }
}

/** Asks a store. Rejects with `store` if it fails, and with an error of another code as it is. */
export async function askedOf<T>(store: CallersStore, ask: () => T | PromiseLike<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const code = findSluiceError(error)?.code ?? 'store';
    throw code === 'store' ? new CallersStoreError(store, error) : error;
  }
}
