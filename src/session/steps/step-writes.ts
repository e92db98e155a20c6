import type { StepStore } from '../../execution/turn-record.ts';
import { delay } from '../../kit/wait.ts';
import type { TurnLease } from '../turn-lease.ts';
import type { TurnRequest } from '../turn-request.ts';
import { storeError } from '../store/store-call.ts';
import { wellFormed } from '../../well-formed.ts';

/** The wait before the second try. It doubles with each try, up to a maximum. */
const WAIT_MS = 50;
const MOST_WAIT_MS = 500;

/** Where steps are stored. */
type StepsRequest = Pick<TurnRequest, 'store' | 'key'>;

/** Which turn steps are stored of. */
export interface StepsOfTurn {
  readonly turnId: string;
  readonly lease: TurnLease;
  /** The session values that were set and are not stored yet. */
  readonly changes: Map<string, unknown>;
}

/** Stores the steps of a turn, under its lease. If the store fails, tries again until the lease expires. */
export class StepWrites implements StepStore {
  /** Told the version of the session, when a write has changed it. */
  onVersion: (version: number) => void = () => undefined;
  readonly #request: StepsRequest;
  readonly #turn: StepsOfTurn;

  constructor(request: StepsRequest, turn: StepsOfTurn) {
    this.#request = request;
    this.#turn = turn;
  }

  get token(): number {
    return this.#turn.lease.timed.token;
  }

  get canRecord(): boolean {
    const record: unknown = Reflect.get(this.#request.store.origin, 'record');
    return typeof record === 'function';
  }

  get time(): number {
    return this.#turn.lease.storeTime;
  }

  async write(...[steps, from, spent, before]: Parameters<StepStore['write']>): Promise<void> {
    const { key } = this.#request;
    const { turnId, lease, changes } = this.#turn;
    // A finished tool is not run again, so what it has set must not be lost with the process.
    const taken = new Map(changes);
    const metadata = taken.size === 0 ? undefined : wellFormed(Object.fromEntries(taken));
    for (let waitMs = WAIT_MS; ; waitMs = Math.min(2 * waitMs, MOST_WAIT_MS)) {
      if (lease.lost !== undefined) throw lease.lost;
      const sentAt = performance.now();
      try {
        // Without the signal: a tool that has come to its end while the execution is closed is recorded, too.
        const store = this.#request.store.within(Math.max(1, lease.leftMs));
        const version = await store.record(key, turnId, steps.map(wellFormed), {
          ...{ from, lease: lease.timed, spent, before },
          ...(metadata !== undefined && { metadata }),
        });
        lease.answered(sentAt);
        this.onVersion(version);
        for (const [name, value] of taken) if (changes.get(name) === value) changes.delete(name);
        return;
      } catch (error) {
        const known = storeError('record', error);
        if (!known.retryable || waitMs >= lease.leftMs) throw known;
      }
      await delay(waitMs);
    }
  }
  async confirm(): Promise<void> {
    const { lease } = this.#turn;
    for (let waitMs = WAIT_MS; ; waitMs = Math.min(2 * waitMs, MOST_WAIT_MS)) {
      try {
        await lease.confirm();
        return;
      } catch (error) {
        const known = storeError('renew', error);
        if (!known.retryable || waitMs >= lease.leftMs) throw known;
      }
      await delay(waitMs);
    }
  }
}
