import type { TakenPoints, Windows } from './windows.ts';

/** What a request has taken from both windows. */
export interface Taken {
  request: TakenPoints | undefined;
  tokens: TakenPoints | undefined;
}

/** The windows of requests and of tokens. A request takes from both or from neither. */
export class Budgets {
  readonly #requests: Windows | undefined;
  readonly #tokens: Windows | undefined;

  constructor(requests: Windows | undefined, tokens: Windows | undefined) {
    this.#requests = requests;
    this.#tokens = tokens;
  }

  /** Takes one request and its tokens, or returns how long to wait. Throws `store`. */
  async take(key: string, tokens: number): Promise<Taken | { waitMs: number; mayEase: boolean }> {
    const request = await this.#requests?.take(key, 1);
    if (typeof request === 'number') return { waitMs: request, mayEase: false };
    const some = await this.#tokens?.take(key, tokens);
    if (typeof some !== 'number') return { request, tokens: some };
    if (request !== undefined) await this.#requests?.settle(key, request, 0);
    return { waitMs: some, mayEase: true };
  }

  /** Counts a request that does not wait. Throws `store`. */
  async force(key: string, tokens: number): Promise<Taken> {
    const request = await this.#requests?.force(key, 1);
    return { request, tokens: await this.#tokens?.force(key, tokens) };
  }

  /** Corrects the taken to what was used. Throws `store`. */
  async settle(key: string, taken: Taken, requests: number, tokens: number): Promise<void> {
    if (taken.request !== undefined) await this.#requests?.settle(key, taken.request, requests);
    if (taken.tokens !== undefined) await this.#tokens?.settle(key, taken.tokens, tokens);
  }
}

/** What one call has taken from its key's windows. It ends once: corrected to what was used, or cancelled. */
export class Reservation {
  readonly #budgets: Budgets;
  readonly #key: string;
  readonly #taken: Promise<Taken>;
  readonly #onError: (error: unknown) => void;
  readonly #onEnd: () => void;
  #open = true;

  /** `onError` is called if the store fails when the reservation ends. */
  constructor(
    budgets: Budgets,
    key: string,
    taken: Promise<Taken>,
    onError: (error: unknown) => void,
    onEnd: () => void,
  ) {
    this.#budgets = budgets;
    this.#key = key;
    this.#taken = taken;
    this.#onError = onError;
    this.#onEnd = onEnd;
    // A failure is reported when the reservation ends.
    taken.catch(() => undefined);
  }

  /** Ends the reservation of a call that has used so many tokens. */
  settle(tokens: number): void {
    void this.#end(1, tokens);
  }

  /** Ends the reservation of a call that was not made: everything is given back. */
  cancel(): void {
    void this.#end(0, 0);
  }

  async #end(requests: number, tokens: number): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    try {
      await this.#budgets.settle(this.#key, await this.#taken, requests, Math.ceil(tokens));
    } catch (error) {
      this.#onError(error);
    }
    this.#onEnd();
  }
}
