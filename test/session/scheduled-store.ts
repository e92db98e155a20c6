import type fc from 'fast-check';
import { SluiceError } from 'sluice';
import type {
  AppendOptions,
  Lease,
  LeaseOptions,
  SessionEntry,
  SessionKey,
  SessionState,
  StateStore,
  StoredTurn,
} from 'sluice';
import { ForwardingStore, leaseOver } from '../support/forwarding-store.ts';

/** The result of one call: it succeeds; it fails before or after anything is done; or it is never answered, done or not. */
export type Fate = 'well' | 'refused' | 'answer lost' | 'never arrives' | 'never answered';

const NEVER = new Promise<never>(() => undefined);

/** The connection of a process to its store: each call and each answer arrives when the scheduler says so, if at all. */
export class ScheduledStore extends ForwardingStore {
  readonly #scheduler: fc.Scheduler;
  readonly #fate: () => Fate;
  #dead = false;

  constructor(store: StateStore, scheduler: fc.Scheduler, fate: () => Fate) {
    super(store);
    this.#scheduler = scheduler;
    this.#fate = fate;
  }

  /** Ends the process: its calls may still be carried out, but no answer comes back. */
  die(): void {
    this.#dead = true;
  }

  override load(key: SessionKey, options?: { last?: number | undefined }): Promise<SessionState | undefined> {
    return this.#call('load', () => this.store.load(key, options));
  }

  override turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    return this.#call('turn', () => this.store.turn(key, turnId));
  }

  override append(
    key: SessionKey,
    entries: readonly SessionEntry[],
    options: AppendOptions,
  ): Promise<number> {
    return this.#call(`append ${options.turnId}`, () => this.store.append(key, entries, options));
  }

  override async lease(key: SessionKey, ttlMs: number, options?: LeaseOptions): Promise<Lease> {
    const lease = await this.#call('lease', () => this.store.lease(key, ttlMs, options));
    return leaseOver(lease, {
      renew: (ms) => this.#call('renew', () => lease.renew(ms)),
      release: () => this.#call('release', () => lease.release()),
    });
  }

  /** The other processes keep using the store. */
  override close(): Promise<void> {
    return Promise.resolve();
  }

  async #call<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (this.#dead) return NEVER;
    const fate = this.#fate();
    if (fate === 'never arrives') return NEVER;
    await this.#scheduler.schedule(Promise.resolve(), `${name} arrives`);
    const done = fate === 'refused' ? undefined : await outcomeOf(run);
    if (fate === 'never answered') return NEVER;
    await this.#scheduler.schedule(Promise.resolve(), `${name} is answered: ${fate}`);
    if (this.#dead) return NEVER;
    if (done === undefined || fate === 'answer lost')
      throw new SluiceError('store', `The line is bad (${fate}).`);
    if ('error' in done) throw done.error;
    return done.value;
  }
}

async function outcomeOf<T>(run: () => Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await run() };
  } catch (error) {
    return { error };
  }
}
