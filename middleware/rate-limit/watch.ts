import { kindOfThrown } from '../../src/kit/index.ts';
import type { Call, CallObserver, ExecutionContext } from '../../src/index.ts';
import type { Gate } from './gate.ts';
import { tokensFor, type RateLimitSettings } from './options.ts';
import type { Reservation } from './reservation.ts';

/**
 * Assigns the calls of one execution to their reservations. A call takes the oldest reservation that no call has taken. If there is none, as for
 * a retry below this layer, the call is counted without a wait. Calls made while no attempt of this layer is open belong to another branch.
 */
export class Watch {
  /** Logs that the store failed when a reservation ended. */
  readonly onError = (error: unknown): void =>
    this.#context.log.error('the rate limit could not be settled', { error: kindOfThrown(error) });
  readonly #context: ExecutionContext;
  readonly #settings: RateLimitSettings;
  #open: { gate: Gate; reservation: Reservation; claimed: boolean }[] = [];

  constructor(context: ExecutionContext, settings: RateLimitSettings) {
    this.#context = context;
    this.#settings = settings;
    context.onCall((call) => this.#watch(call));
  }

  /** Registers an attempt with its permit and its reservation. Returns a function that gives both back. */
  attempt(gate: Gate, reservation: Reservation): () => void {
    const mine = { gate, reservation, claimed: false };
    this.#open.push(mine);
    return () => {
      this.#open = this.#open.filter((other) => other !== mine);
      if (!mine.claimed) reservation.cancel();
      gate.leave();
    };
  }

  #watch(call: Call): CallObserver | undefined {
    const waited = this.#open.find(({ claimed }) => !claimed);
    const attempt = waited ?? this.#open.at(-1);
    if (attempt === undefined) return undefined;
    const { gate } = attempt;
    let reservation = attempt.reservation;
    if (waited !== undefined) waited.claimed = true;
    else reservation = gate.force(tokensFor(call.request, this.#settings), this.onError);

    return {
      ...(this.#settings.learn && { rateLimits: (limits) => gate.learned.learn(limits) }),
      end: ({ usage, error }) => {
        const retryAfterMs = error?.code === 'rate_limited' ? error.retryAfterMs : undefined;
        if (this.#settings.learn && retryAfterMs !== undefined) {
          gate.learned.pause(Math.min(retryAfterMs, this.#settings.maxPauseMs));
        }
        reservation.settle(usage.totalTokens);
      },
    };
  }
}
