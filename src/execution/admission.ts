import type { SluiceError } from '../errors.ts';
import { onAbort } from '../kit/abort.ts';
import { guarded, kindOfThrown } from '../kit/thrown.ts';
import type { StartedTurn } from '../options.ts';
import type { Turn } from '../session/turn.ts';
import type { Execution } from './execution.ts';
import { ExecutionClock } from './execution-clock.ts';
import type { Inside } from './inside.ts';
import { abortedBySignal, timeoutError } from './own-error.ts';
import type { Slot } from './slots.ts';

/** What an execution waits for before it runs, and what limits it. */
export interface AdmissionSetup {
  execution: Execution;
  /** The caller's signal. */
  signal: AbortSignal | undefined;
  /** The limits that count from the start, in milliseconds; 0 and undefined: none. */
  timeoutsMs: readonly (number | undefined)[];
  /** How long its model calls may be silent, in milliseconds; 0: no limit. */
  idleTimeoutMs: number;
  /** Milliseconds since the epoch. */
  deadline: number | undefined;
  /** Waits for the session and loads it; undefined without a session. */
  turn: ((signal: AbortSignal) => Promise<Turn>) | undefined;
  /** The caller's, called when the turn has its session. */
  onTurn: ((turn: StartedTurn) => void) | undefined;
  /** Waits for a slot. */
  slot(this: void, signalOf: () => AbortSignal): Promise<Slot>;
}

/** Lets an execution in: it waits for the session, then for a slot, and then starts the clock. Gives both back at the end. */
export class Admission {
  readonly #setup: AdmissionSetup;
  /** Runs the layers, if it must be known that they hold a slot. */
  inside: Inside | undefined;
  /** For the waits, made on first use. */
  #controller: AbortController | undefined;
  #refusedBecause: SluiceError | undefined;
  #turn: Turn | undefined;
  /** What gives back the session and the slot. Undefined after the end. */
  #releases: readonly (() => void)[] | undefined = [];
  readonly #clock: ExecutionClock;
  /** To the caller's signal. */
  #listening: Disposable | undefined;

  constructor(setup: AdmissionSetup) {
    this.#setup = setup;
    this.#clock = new ExecutionClock(setup.execution);
  }

  /** The turn of the session, as soon as it is loaded. */
  get turn(): Turn | undefined {
    return this.#turn;
  }

  /** Resolves when the execution may run. Rejects if its signal or its deadline is over, or if session or slot cannot be had. */
  async enter(): Promise<void> {
    const { signal, deadline, turn, slot } = this.#setup;
    if (signal?.aborted === true) throw abortedBySignal(signal.reason);
    if (signal !== undefined) {
      const { execution } = this.#setup;
      this.#listening = onAbort(signal, () =>
        execution.end('cancelled', abortedBySignal(signal.reason), 'drop'),
      );
    }
    if (deadline !== undefined) {
      if (deadline <= Date.now()) throw timeoutError('queue');
      this.#clock.limitQueue(deadline);
    }
    // The session first: an execution that waits for one must not hold a slot.
    const loaded = await turn?.(this.#waitSignal());
    if (loaded !== undefined) this.#releaseAtEnd(() => loaded.release());
    this.#turn = loaded;
    if (loaded !== undefined) this.#tell(loaded);
    const { release, inside } = await slot(this.#waitSignal);
    this.#releaseAtEnd(release);
    this.inside = inside;
    this.#startClock();
  }

  /** Ends a wait for the session or the slot. */
  refuse(error: SluiceError): void {
    this.#refusedBecause = error;
    this.#controller?.abort(error);
  }

  /** The end is decided: the clock and the caller's signal have no more to say. */
  stopWatching(): void {
    this.#clock.stop();
    this.#listening?.[Symbol.dispose]();
  }

  /** Gives back the session, then the slot. What comes later is given back at once. */
  leave(): void {
    this.#releases?.forEach((release) => release());
    this.#releases = undefined;
  }

  #releaseAtEnd(release: () => void): void {
    if (this.#releases === undefined) release();
    else this.#releases = this.#releases.concat(release);
  }

  readonly #waitSignal = (): AbortSignal => {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#refusedBecause !== undefined) this.#controller.abort(this.#refusedBecause);
    }
    return this.#controller.signal;
  };

  #tell({ id, replay }: Turn): void {
    const { execution, onTurn } = this.#setup;
    if (onTurn === undefined || execution.ending !== undefined) return;
    guarded(
      () => onTurn({ id, ...(replay !== undefined && { replayed: true }) }),
      (thrown) => execution.warn(`onTurn threw ${kindOfThrown(thrown)}.`),
    );
  }

  #startClock(): void {
    const { execution, deadline, timeoutsMs, idleTimeoutMs } = this.#setup;
    if (execution.ending !== undefined) return;
    const limits = timeoutsMs.filter((ms) => ms !== undefined && ms > 0).map((ms) => Date.now() + (ms ?? 0));
    if (deadline !== undefined) limits.push(deadline);
    const mine = earliest(limits);
    // Around it another execution may run, which ends it by a signal.
    const { around } = execution;
    execution.deadline = around?.deadline === undefined ? mine : earliest([...limits, around.deadline]);
    this.#clock.limitRun(mine, idleTimeoutMs);
  }
}

function earliest(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : Math.min(...times);
}
