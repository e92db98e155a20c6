import { SluiceError } from 'sluice';
import type {
  Lease,
  LoadOptions,
  SessionKey,
  SessionState,
  StateStore,
  Step,
  StoredStep,
  StoredTurn,
} from 'sluice';
import { ForwardingStore, leaseOver } from '../../support/forwarding-store.ts';
import { placeOf } from './stage.ts';

/**
 * What a process gets for its calls after it has died: no answer, or errors, as if its connection were gone. An error is what that one call fails with:
 * then the process lives on.
 */
export type Death = 'hangs' | 'throws' | SluiceError;

/** When a process dies: before a call takes effect, or after that and before it is answered. */
export interface Fuse {
  /** Whether it is this call. Calls are named by what they store, such as `append t.input` and `record result 0_1, started 0_2`. */
  burns(call: string): boolean;
  when: 'before' | 'after';
}

const NEVER = new Promise<never>(() => undefined);

/** The store as one process sees it, until the process dies. What it asks after that has no effect. */
export class MortalStore extends ForwardingStore {
  readonly #fuse: Fuse | undefined;
  readonly #death: Death;
  #isDead = false;

  constructor(store: StateStore, death: Death, fuse?: Fuse) {
    super(store);
    this.#death = death;
    this.#fuse = fuse;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  die(): void {
    this.#isDead = true;
  }

  override load(key: SessionKey, options?: LoadOptions): Promise<SessionState | undefined> {
    return this.#call('load', () => this.store.load(key, options));
  }

  override turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    return this.#call('turn', () => this.store.turn(key, turnId));
  }

  override steps(key: SessionKey, turnId: string): Promise<StoredStep[]> {
    return this.#call('steps', () => this.store.steps(key, turnId));
  }

  override append(...given: Parameters<StateStore['append']>): Promise<number> {
    const [, , { turnId }] = given;
    return this.#call(`append ${turnId}`, () => this.store.append(...given));
  }

  override record(...given: Parameters<StateStore['record']>): Promise<number> {
    return this.#call(recordName(given[2]), () => this.store.record(...given));
  }

  override async lease(...given: Parameters<StateStore['lease']>): Promise<Lease> {
    const lease = await this.#call('lease', () => this.store.lease(...given));
    return leaseOver(lease, {
      renew: (ms) => this.#call('renew', () => lease.renew(ms)),
      release: () => this.#call('release', () => lease.release()),
    });
  }

  async #call<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (this.#isDead) return this.#gone();
    const burns = this.#fuse?.burns(name) === true;
    if (burns) this.#isDead = typeof this.#death === 'string';
    if (burns && this.#fuse?.when === 'before') return this.#gone();
    const done = await run();
    return burns || this.#isDead ? this.#gone() : done;
  }

  #gone(): Promise<never> {
    if (this.#death === 'hangs') return NEVER;
    const gone = new SluiceError('store', 'The connection is gone.');
    return Promise.reject(this.#death === 'throws' ? gone : this.#death);
  }
}

function recordName(steps: readonly Step[]): string {
  return `record ${steps.map(stepName).join(', ')}`;
}

function stepName(step: Step): string {
  if (step.kind === 'reply') return `reply ${step.round}`;
  return 'callId' in step ? `${step.kind} ${placeOf(step.callId)}` : step.kind;
}
