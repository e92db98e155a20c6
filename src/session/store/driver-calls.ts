import { isSluiceError } from '../../errors.ts';
import type { SluiceError } from '../../errors.ts';
import type { Awaitable, Place, StoreDriver, StoredRow, Write, Written } from './driver.ts';
import { encodeId } from './driver-names.ts';
import { timedCall } from './store-call.ts';
import { driverTimeoutError, storeFailedError } from './store-errors.ts';

/** Options of `defineStore`. */
export interface StoreOptions {
  /** The kind of the store, such as `sqlite`: cursors of lists are bound to it. Default: `store`. */
  name?: string | undefined;
  /** Most messages of a row: a load reads at most one row more than it needs. Default: 50. */
  rowSize?: number | undefined;
  /** How long the store waits for an answer of the driver, in milliseconds, before it fails. Default: no limit. */
  timeoutMs?: number | undefined;
  /** Whether the driver takes owners and ids as they are, with NUL and backslash. Default: they are escaped. */
  rawIds?: boolean | undefined;
  /** Translates an error of the database, in a call such as `append`. Default, or if it returns undefined: `store`, retryable. */
  fault?: ((this: void, error: unknown, doing: string) => SluiceError | undefined) | undefined;
}

/** Calls a driver: names places as it takes them, waits for `timeoutMs` at most, and turns what it throws into `store` errors. */
export class DriverCalls<Content> {
  readonly driver: StoreDriver<Content>;
  readonly #options: StoreOptions;

  constructor(driver: StoreDriver<Content>, options: StoreOptions) {
    this.driver = driver;
    this.#options = options;
  }

  /** Calls the driver. `late` takes an answer that comes after `timeoutMs`. */
  call<T>(doing: string, run: () => Awaitable<T>, late?: (answer: T) => void): Awaitable<T> {
    const { timeoutMs } = this.#options;
    if (timeoutMs !== undefined) {
      const tooLate = (): SluiceError => driverTimeoutError(doing, timeoutMs);
      return timedCall(doing, async () => this.#answerOf(doing, run), { timeoutMs, late, tooLate });
    }
    return this.#answerOf(doing, run);
  }

  write(doing: string, place: Place, write: Write<Content>): Awaitable<Written> {
    return this.call(doing, () => this.driver.write(this.placeOf(place), write));
  }

  group(doing: string, place: Place, id: string): Awaitable<readonly StoredRow<Content>[]> {
    return this.call(doing, () => this.driver.group(this.placeOf(place), id));
  }

  /** A place as the driver takes it. */
  placeOf(place: Place): Place {
    if (this.#options.rawIds === true) return place;
    return { owner: encodeId(place.owner), id: encodeId(place.id) };
  }

  /** An owner or an id as the driver takes it. */
  idOf(id: string): string {
    return this.#options.rawIds === true ? id : encodeId(id);
  }

  /** If the driver answers at once, no promise is made. */
  #answerOf<T>(doing: string, run: () => Awaitable<T>): Awaitable<T> {
    try {
      const answer = run();
      return isPending(answer) ? this.#awaited(doing, answer) : answer;
    } catch (error) {
      throw this.#failed(doing, error);
    }
  }

  async #awaited<T>(doing: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#failed(doing, error);
    }
  }

  #failed(doing: string, error: unknown): SluiceError {
    if (isSluiceError(error)) return error;
    return this.#options.fault?.(error, doing) ?? storeFailedError(doing, error);
  }
}

/** Whether an answer has to be awaited. An answer that is there at once needs no microtask, and no timer in a pipeline. */
export function isPending<T>(answer: Awaitable<T>): answer is Promise<T> {
  return answer instanceof Promise;
}
