import type {
  AppendOptions,
  Lease,
  LeaseOptions,
  SessionEntry,
  SessionKey,
  SessionState,
  StateStore,
} from '../../src/index.ts';
import { ForwardingStore } from '../support/forwarding-store.ts';

/**
 * A store whose leases are short, so that a history need not wait for the long ones, and that remembers which version of a session its process has
 * seen. The turns themselves think that they have fifteen seconds: what they write too late the store must refuse.
 */
export class WatchedStore extends ForwardingStore {
  readonly #leaseMs: number;
  readonly #seen = new Map<string, { version: number; inputOf: string | undefined }>();

  constructor(store: StateStore, leaseMs: number) {
    super(store);
    this.#leaseMs = leaseMs;
  }

  /** Of this process's newest turn on the session: no two of them run at once. */
  seen(id: string): { version: number; inputOf: string | undefined } {
    return this.#seen.get(id) ?? { version: 0, inputOf: undefined };
  }

  override async load(
    key: SessionKey,
    options?: { last?: number | undefined },
  ): Promise<SessionState | undefined> {
    const state = await this.store.load(key, options);
    this.#see(key, state?.version ?? 0, undefined);
    return state;
  }

  override async append(
    key: SessionKey,
    entries: readonly SessionEntry[],
    options: AppendOptions,
  ): Promise<number> {
    const version = await this.store.append(key, entries, options);
    const inputOf = /^(.*)\.input$/.exec(options.turnId)?.[1];
    if (inputOf !== undefined) this.#see(key, version, inputOf);
    return version;
  }

  override async lease(key: SessionKey, _ttlMs: number, options?: LeaseOptions): Promise<Lease> {
    const lease = await this.store.lease(key, this.#leaseMs, options);
    const leaseMs = this.#leaseMs;
    return {
      token: lease.token,
      get expiresAt() {
        return lease.expiresAt;
      },
      renew: () => lease.renew(leaseMs),
      release: () => lease.release(),
    };
  }

  /** An answer that comes late, to a turn that another has pushed aside, is no news. */
  #see(key: SessionKey, version: number, inputOf: string | undefined): void {
    const known = this.seen(idOf(key));
    if (version > known.version || (version === known.version && inputOf !== undefined))
      this.#seen.set(idOf(key), { version, inputOf });
  }
}

function idOf(key: SessionKey): string {
  return typeof key === 'string' ? key : key.id;
}
