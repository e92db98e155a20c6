import type { Call, CallObserver, Reply, StreamChunk, Tap } from '../../src/index.ts';
import type { Gate } from './gate.ts';
import { tokensFor, type RateLimitSettings } from './options.ts';
import type { Reservation } from './reservation.ts';

/** What one run of the layer has waited for. */
export interface Admitted {
  gate: Gate;
  reservation: Reservation;
  settings: RateLimitSettings;
  /** Logs that the store failed when a reservation ended. */
  onError: (error: unknown) => void;
}

/**
 * Assigns the calls of one run of the layer to its reservation. The first call takes it. Each further one, such as a retry below this layer, is
 * counted without a wait.
 */
export class Watch implements Tap<StreamChunk, Reply> {
  readonly #admitted: Admitted;
  #claimed = false;

  constructor(admitted: Admitted) {
    this.#admitted = admitted;
  }

  call(call: Call): CallObserver {
    const { gate, settings, onError } = this.#admitted;
    let { reservation } = this.#admitted;
    if (this.#claimed) reservation = gate.force(tokensFor(call.request, settings), onError);
    this.#claimed = true;
    return {
      ...(settings.learn && { rateLimits: (limits) => gate.learned.learn(limits) }),
      end: ({ usage, error }) => {
        const retryAfterMs = error?.code === 'rate_limited' ? error.retryAfterMs : undefined;
        if (settings.learn && retryAfterMs !== undefined)
          gate.learned.pause(Math.min(retryAfterMs, settings.maxPauseMs));
        reservation.settle(usage.totalTokens);
      },
    };
  }

  /** Gives the permit back, and the reservation if no call took it. */
  end(): void {
    const { gate, reservation } = this.#admitted;
    if (!this.#claimed) reservation.cancel();
    gate.leave();
  }
}
