import type { Step, StoredStep } from '../steps/step.ts';
import { loadOpen } from './open-session.ts';
import type { OpenSession, PipelineStore } from './open-session.ts';
import { storeCall } from './store-call.ts';
import type {
  AppendOptions,
  Branch,
  Lease,
  LeaseOptions,
  ListOptions,
  LoadOptions,
  RecordOptions,
  SessionEntry,
  SessionKey,
  SessionPage,
  SessionState,
  Spend,
  SpendScope,
  StateStore,
  StoredTurn,
} from './store.ts';

/** The limits of each call: the longest wait (0: no limit), and a signal that ends the wait. */
interface Limits {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * A store whose calls, and those of its leases, have a deadline: see {@link storeCall}. A lease that comes too late is given back at once. Other
 * late answers are ignored: an append or a record that is stored late is stored once, under its own turn's id and lease, or refused.
 */
export class TimedStore implements PipelineStore {
  /** The store itself. */
  readonly origin: StateStore;
  readonly #limits: Limits;

  constructor(store: StateStore, limits: Limits) {
    this.origin = store instanceof TimedStore ? store.origin : store;
    this.#limits = limits;
  }

  /** The same store, whose waits also end with a signal. */
  until(signal: AbortSignal): TimedStore {
    return new TimedStore(this.origin, { ...this.#limits, signal });
  }

  /** The same store without the signal, whose waits end after so many milliseconds at the latest. */
  within(ms: number): TimedStore {
    return new TimedStore(this.origin, { timeoutMs: least(this.#limits.timeoutMs, ms) });
  }

  load(
    key: SessionKey,
    { open = false, ...options }: LoadOptions & { open?: boolean | undefined } = {},
  ): Promise<OpenSession | undefined> {
    const load = (): Promise<SessionState | undefined> =>
      this.#call('load', () => this.origin.load(key, options));
    return open ? loadOpen(load, (turnId) => this.steps(key, turnId)) : load();
  }

  turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    return this.#call('turn', () => this.origin.turn(key, turnId));
  }

  append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const given = { ...options, lease: originOf(options.lease) };
    return this.#call('append', () => this.origin.append(key, entries, given));
  }

  record(key: SessionKey, turnId: string, steps: readonly Step[], options: RecordOptions): Promise<number> {
    const given = { ...options, lease: originOf(options.lease) };
    return this.#call('record', () => this.origin.record(key, turnId, steps, given));
  }

  steps(key: SessionKey, turnId: string): Promise<StoredStep[]> {
    return this.#call('steps', () => this.origin.steps(key, turnId));
  }

  branches(key: SessionKey): Promise<Branch[]> {
    return this.#call('branches', () => this.origin.branches(key));
  }

  update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    return this.#call('update', () => this.origin.update(key, metadata, options));
  }

  spend(scope: SpendScope): Promise<Spend> {
    return this.#call('spend', () => this.origin.spend(scope));
  }

  list(options: ListOptions): Promise<SessionPage> {
    return this.#call('list', () => this.origin.list(options));
  }

  fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    return this.#call('fork', () => this.origin.fork(key, at));
  }

  delete(key: SessionKey): Promise<void> {
    return this.#call('delete', () => this.origin.delete(key));
  }

  forget(owner: string): Promise<number> {
    return this.#call('forget', () => this.origin.forget(owner));
  }

  async lease(key: SessionKey, ttlMs: number, options?: LeaseOptions): Promise<TimedLease> {
    const { timeoutMs } = this.#limits;
    const late = (lease: Lease): void => giveBack(new TimedLease(lease, timeoutMs));
    const call = (): Promise<Lease> => this.origin.lease(key, ttlMs, options);
    return new TimedLease(await storeCall('lease', call, { ...this.#limits, late }), timeoutMs);
  }

  close(): Promise<void> {
    return this.#call('close', () => this.origin.close());
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call<T>(doing: string, call: () => Promise<T>): Promise<T> {
    return storeCall(doing, call, this.#limits);
  }
}

/** A lease whose calls have a deadline. */
export class TimedLease implements Lease {
  /** The lease itself. */
  readonly origin: Lease;
  readonly #timeoutMs: number;

  constructor(lease: Lease, timeoutMs: number) {
    this.origin = lease;
    this.#timeoutMs = timeoutMs;
  }

  /** The same lease, whose waits end after so many milliseconds at the latest. */
  within(ms: number): TimedLease {
    return new TimedLease(this.origin, least(this.#timeoutMs, ms));
  }

  get token(): number {
    return this.origin.token;
  }

  get expiresAt(): number {
    return this.origin.expiresAt;
  }

  renew(ttlMs: number): Promise<void> {
    return storeCall('renew', () => this.origin.renew(ttlMs), { timeoutMs: this.#timeoutMs });
  }

  release(): Promise<void> {
    return storeCall('release', () => this.origin.release(), { timeoutMs: this.#timeoutMs });
  }

  /** The same as `release()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** The lease as the store has granted it: a store may recognize its leases by their identity. */
function originOf<T extends Lease | undefined>(lease: T): T | Lease {
  return lease instanceof TimedLease ? lease.origin : lease;
}

/** Ignores a failure: a lease that cannot be released expires by itself. */
function giveBack(lease: Lease): void {
  lease.release().catch(() => undefined);
}

/** The shorter of two waits. 0 means no limit. */
function least(timeoutMs: number, ms: number): number {
  return timeoutMs > 0 ? Math.min(timeoutMs, ms) : ms;
}
