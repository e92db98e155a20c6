import type {
  Call,
  CallEnd,
  CallObserver,
  ExecutionContext,
  RateLimits,
  Reply,
  StreamChunk,
  Tap,
} from '../../src/index.ts';
import { countedTokens } from './count.ts';
import type { Gate } from './gate.ts';
import type { Learned } from './learned.ts';
import { tokensFor, type RateLimitSettings } from './options.ts';
import type { Reservation } from './reservation.ts';
import type { Routes } from './routes.ts';

/** What one run of the layer has waited for. */
export interface Admitted {
  context: ExecutionContext;
  gate: Gate;
  reservation: Reservation;
  /** The model whose limits it has waited for, if any. */
  waitedFor: Learned | undefined;
  routes: Routes;
  settings: RateLimitSettings;
  /** Logs that the store failed when a reservation ended. */
  onError: (error: unknown) => void;
}

/** What a call has reserved. */
interface Reserved {
  settings: RateLimitSettings;
  reservation: Reservation;
  provider: string | undefined;
}

/** Settles what one call has reserved, and learns what its answer says about the limits of its model. */
class LimitedCall implements CallObserver {
  readonly #reserved: Reserved;
  readonly #learned: Learned | undefined;
  readonly ready: Promise<void> | undefined;

  constructor(reserved: Reserved, learned?: Learned, ready?: Promise<void>) {
    this.#reserved = reserved;
    this.#learned = learned;
    this.ready = ready;
  }

  rateLimits(limits: RateLimits): void {
    this.#learned?.learn(limits);
  }

  end({ usage, error }: CallEnd): void {
    const { settings, reservation, provider } = this.#reserved;
    if (error?.code === 'rate_limited' && error.phase !== 'queue' && error.retryAfterMs !== undefined)
      this.#learned?.pause(Math.min(error.retryAfterMs, settings.maxPauseMs));
    let used = usage.totalTokens;
    try {
      used = countedTokens(usage, provider, settings.count);
    } finally {
      reservation.settle(used);
    }
  }
}

/**
 * Assigns the calls of one run of the layer to its reservation. The first call takes it. Each further one, such as a retry below this layer, is
 * counted without a wait, except for the limits of its model.
 */
export class Watch implements Tap<StreamChunk, Reply> {
  readonly #admitted: Admitted;
  #claimed = false;

  constructor(admitted: Admitted) {
    this.#admitted = admitted;
  }

  call(call: Call): CallObserver {
    const { context, gate, settings, onError } = this.#admitted;
    const tokens = tokensFor(call.request, settings);
    // As it is asked. The reply may name another one, to which a gateway has passed the request on.
    const { provider } = call;
    const isFirst = !this.#claimed;
    this.#claimed = true;
    const reservation = isFirst ? this.#admitted.reservation : gate.force(tokens, onError);
    if (!settings.learn) return new LimitedCall({ settings, reservation, provider });
    const learned = this.#learnedOf(call, isFirst);
    // What the first call waited for was taken from the model that was guessed.
    const hasWaited = isFirst && learned === this.#admitted.waitedFor;
    const mustWait = !hasWaited && learned.waitMs(tokens) > 0;
    if (!hasWaited && !mustWait) learned.spend(tokens);
    const ready = mustWait ? gate.pass({ tokens, learned, context, onError }) : undefined;
    return new LimitedCall({ settings, reservation, provider }, learned, ready);
  }

  /** Gives the permit back, and the reservation if no call took it. */
  end(): void {
    const { gate, reservation } = this.#admitted;
    if (!this.#claimed) reservation.cancel();
    gate.leave();
  }

  /** What is known of the limits of the model that a call asks. */
  #learnedOf({ provider, model }: Call, isFirst: boolean): Learned {
    const { context, gate, routes } = this.#admitted;
    const name = JSON.stringify([provider, model]);
    if (isFirst) routes.saw(context.request.model, name);
    return gate.learnedOf(name);
  }
}
