import type { Lease, LeaseOptions, SessionKey, StateStore, StoredStep } from '../../../src/index.ts';
import { ForwardingStore, leaseOver } from '../../support/forwarding-store.ts';
import { now } from './lines.ts';
import type { KillWord } from './lines.ts';
import { wordOf } from './step-word.ts';

/** The store as one run of a turn sees it, with short leases. It writes down what the store has acknowledged and what it has found. */
export class WatchedRun extends ForwardingStore {
  readonly #leaseMs: number;
  readonly #write: (word: KillWord) => void;

  constructor(store: StateStore, leaseMs: number, write: (word: KillWord) => void) {
    super(store);
    this.#leaseMs = leaseMs;
    this.#write = write;
  }

  override async record(...given: Parameters<StateStore['record']>): Promise<number> {
    const [, turn, steps, { from }] = given;
    const version = await super.record(...given);
    this.#write({ what: 'acked', turn, from, steps: steps.map(wordOf) });
    return version;
  }

  override async steps(key: SessionKey, turn: string): Promise<StoredStep[]> {
    const at = now();
    const steps = await super.steps(key, turn);
    this.#write({ what: 'read', turn, at, steps: steps.map(({ step }) => wordOf(step)) });
    return steps;
  }

  override async append(...given: Parameters<StateStore['append']>): Promise<number> {
    const [, , { turnId, closes, end }] = given;
    const version = await super.append(...given);
    const isOver = closes !== undefined || end?.outcome === 'completed';
    if (isOver) this.#write({ what: 'ended', turn: closes ?? turnId.replace(/\.reply(\.\d+)?$/, '') });
    return version;
  }

  override async lease(key: SessionKey, _ttlMs: number, options?: LeaseOptions): Promise<Lease> {
    const lease = await this.store.lease(key, this.#leaseMs, options);
    return leaseOver(lease, {
      renew: () => lease.renew(this.#leaseMs),
      release: () => lease.release(),
    });
  }

  /** The other runs of the process keep using the store. */
  override close(): Promise<void> {
    return Promise.resolve();
  }
}
