import type {
  AppendOptions,
  Lease,
  LeaseOptions,
  SessionEntry,
  SessionKey,
  SessionState,
  StateStore,
} from '../../src/index.ts';
import { ForwardingStore, leaseOver } from '../support/forwarding-store.ts';

/**
 * A store with short leases, so that a history does not have to wait for long ones. It remembers which version of a session its process has seen. The
 * turns themselves assume leases of fifteen seconds, so the store must refuse what they write too late.
 */
export class WatchedStore extends ForwardingStore {
  readonly #leaseMs: number;
  readonly #onMove: (session: string, id: string) => void;
  readonly #seen = new Map<string, { version: number; inputOf: string | undefined }>();

  /** `onMove` is called before the head is moved by an append that is of no turn. */
  constructor(
    store: StateStore,
    leaseMs: number,
    onMove: (session: string, id: string) => void = () => undefined,
  ) {
    super(store);
    this.#leaseMs = leaseMs;
    this.#onMove = onMove;
  }

  /** What this process's newest turn on the session has seen. Two of them never run at once. */
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
    const inputOf = /^(.*)\.input$/.exec(options.turnId)?.[1];
    const isOfTurn = inputOf !== undefined || options.turnId.includes('.again.');
    if (options.after !== undefined && !isOfTurn) this.#onMove(idOf(key), options.turnId);
    const version = await this.store.append(key, entries, options);
    if (inputOf !== undefined || options.after !== undefined) this.#see(key, version, inputOf);
    return version;
  }

  override async lease(key: SessionKey, _ttlMs: number, options?: LeaseOptions): Promise<Lease> {
    const lease = await this.store.lease(key, this.#leaseMs, options);
    return leaseOver(lease, {
      renew: () => lease.renew(this.#leaseMs),
      release: () => lease.release(),
    });
  }

  /** A late answer, to a turn that another one has superseded, is ignored. */
  #see(key: SessionKey, version: number, inputOf: string | undefined): void {
    const known = this.seen(idOf(key));
    if (version > known.version || (version === known.version && inputOf !== undefined))
      this.#seen.set(idOf(key), { version, inputOf });
  }
}

function idOf(key: SessionKey): string {
  return typeof key === 'string' ? key : key.id;
}
