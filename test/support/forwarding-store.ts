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
  Step,
  StoredStep,
  StoredTurn,
} from 'sluice';

/** A store that forwards every call to another one. Subclasses override some of the calls. */
export class ForwardingStore implements StateStore {
  protected readonly store: StateStore;

  constructor(store: StateStore) {
    this.store = store;
  }

  load(key: SessionKey, options?: LoadOptions): Promise<SessionState | undefined> {
    return this.store.load(key, options);
  }

  turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    return this.store.turn(key, turnId);
  }

  append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    return this.store.append(key, entries, options);
  }

  record(key: SessionKey, turnId: string, steps: readonly Step[], options: RecordOptions): Promise<number> {
    return this.store.record(key, turnId, steps, options);
  }

  steps(key: SessionKey, turnId: string): Promise<StoredStep[]> {
    return this.store.steps(key, turnId);
  }

  branches(key: SessionKey): Promise<Branch[]> {
    return this.store.branches(key);
  }

  update(...given: Parameters<StateStore['update']>): Promise<number> {
    return this.store.update(...given);
  }

  spend(scope: SpendScope): Promise<Spend> {
    return this.store.spend(scope);
  }

  list(options: ListOptions): Promise<SessionPage> {
    return this.store.list(options);
  }

  fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    return this.store.fork(key, at);
  }

  delete(key: SessionKey): Promise<void> {
    return this.store.delete(key);
  }

  forget(owner: string): Promise<number> {
    return this.store.forget(owner);
  }

  lease(key: SessionKey, ttlMs: number, options?: LeaseOptions): Promise<Lease> {
    return this.store.lease(key, ttlMs, options);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A lease that passes its renewals and its release on to functions. */
export function leaseOver(
  lease: Lease,
  { renew, release }: { renew: (ttlMs: number) => Promise<void>; release: () => Promise<void> },
): Lease {
  return {
    token: lease.token,
    get expiresAt() {
      return lease.expiresAt;
    },
    renew,
    release,
    [Symbol.asyncDispose]: release,
  };
}
