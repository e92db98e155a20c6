import type { SharedWindow } from './shared.ts';
import { Window, type Taken } from './window.ts';

/** The limits of each minute, and the windows of a limiter that other processes share, if there is one. */
export interface Limits {
  requests?: { perMinute: number; shared?: SharedWindow | undefined } | undefined;
  tokens?: { perMinute: number; shared?: SharedWindow | undefined } | undefined;
}

/** What a request has taken from both windows. */
export interface TakenFromBoth {
  request: Taken | undefined;
  tokens: Taken | undefined;
}

/** Why a request has to wait, and for how long if that is known. */
export interface Shortage {
  waitMs: number | undefined;
  /** Whether it may end sooner, when running calls end. */
  mayEase: boolean;
}

/** The windows of requests and of tokens of one key. A request takes from both or from neither. */
export class Budgets {
  /** Whether a limiter that other processes share has to be asked, too. */
  readonly isShared: boolean;
  readonly #requests: Window | undefined;
  readonly #tokens: Window | undefined;

  constructor(key: string, { requests, tokens }: Limits) {
    this.#requests = requests && new Window(key, requests.perMinute, requests.shared);
    this.#tokens = tokens && new Window(key, tokens.perMinute, tokens.shared);
    this.isShared = requests?.shared !== undefined || tokens?.shared !== undefined;
  }

  /** Whether nothing was taken in the last minute. */
  get empty(): boolean {
    return (this.#requests?.empty ?? true) && (this.#tokens?.empty ?? true);
  }

  /** Takes one request and its tokens in this process. */
  takeHere(tokens: number): TakenFromBoth | Shortage {
    const request = this.#requests?.takeHere(1);
    if (typeof request === 'number') return { waitMs: request, mayEase: false };
    const some = this.#tokens?.takeHere(tokens);
    if (typeof some !== 'number') return { request, tokens: some };
    if (request !== undefined) void this.#requests?.settle(request, 0);
    return { waitMs: some, mayEase: true };
  }

  /** Takes the same from the shared windows, within so many milliseconds. If that fails, nothing is taken at all. Throws `store`. */
  async takeThere(taken: TakenFromBoth, ms: number): Promise<Shortage | undefined> {
    const endsAtMs = Date.now() + ms;
    let shortage: Shortage | undefined;
    let failed = true;
    try {
      const requestMs = taken.request && (await this.#requests?.takeThere(taken.request, ms));
      if (requestMs !== undefined) shortage = { waitMs: requestMs, mayEase: false };
      else {
        const leftMs = Math.max(1, endsAtMs - Date.now());
        const tokensMs = taken.tokens && (await this.#tokens?.takeThere(taken.tokens, leftMs));
        if (tokensMs !== undefined) shortage = { waitMs: tokensMs, mayEase: true };
      }
      failed = false;
    } finally {
      // Not waited for: a store that fails would only make the request wait once more.
      if (failed || shortage !== undefined) this.settle(taken, 0, 0)?.catch(() => undefined);
    }
    return shortage;
  }

  /** Counts a request that does not wait. */
  force(tokens: number): TakenFromBoth {
    return { request: this.#requests?.force(1), tokens: this.#tokens?.force(tokens) };
  }

  /** Corrects the taken to what was used. What is undefined is done; a promise rejects with `store`. */
  settle(taken: TakenFromBoth, requests: number, tokens: number): Promise<unknown> | undefined {
    const ofRequests = taken.request && this.#requests?.settle(taken.request, requests);
    const ofTokens = taken.tokens && this.#tokens?.settle(taken.tokens, tokens);
    return ofRequests === undefined ? ofTokens : Promise.all([ofRequests, ofTokens]);
  }
}

/** What one call has taken from its key's windows. It ends once: corrected to what was used, or cancelled. */
export class Reservation {
  readonly #budgets: Budgets;
  readonly #taken: TakenFromBoth;
  readonly #onError: (error: unknown) => void;
  readonly #onEnd: () => void;
  #open = true;

  /** `onError` is called if the store fails when the reservation ends. */
  constructor(budgets: Budgets, taken: TakenFromBoth, onError: (error: unknown) => void, onEnd: () => void) {
    this.#budgets = budgets;
    this.#taken = taken;
    this.#onError = onError;
    this.#onEnd = onEnd;
  }

  /** Ends the reservation of a call that has used so many tokens. */
  settle(tokens: number): void {
    this.#end(1, tokens);
  }

  /** Ends the reservation of a call that was not made: everything is given back. */
  cancel(): void {
    this.#end(0, 0);
  }

  #end(requests: number, tokens: number): void {
    if (!this.#open) return;
    this.#open = false;
    const later = this.#budgets.settle(this.#taken, requests, Math.ceil(tokens));
    if (later === undefined) this.#onEnd();
    else void later.catch(this.#onError).then(this.#onEnd);
  }
}
