import { Timer } from '../kit/timer.ts';
import type { Execution } from './execution.ts';
import { silenceError, timeoutError } from './own-error.ts';

/** The time limits of one execution: a deadline, and one for the silence of its model calls. It has one timer. */
export class ExecutionClock {
  readonly #execution: Execution;
  #phase: 'queue' | 'total' = 'queue';
  /** Milliseconds since the epoch. */
  #deadline = Number.POSITIVE_INFINITY;
  #idleMs = Number.POSITIVE_INFINITY;
  readonly #timer = new Timer(() => this.#check());
  /** Whether the timer was started for the deadline. */
  #isDeadline = false;

  constructor(execution: Execution) {
    this.#execution = execution;
  }

  /** While the execution waits to be let in, only its own deadline counts. */
  limitQueue(deadline: number): void {
    this.#deadline = deadline;
    this.#arm();
  }

  /** The execution runs. `idleMs`: how long its calls may be silent; 0: no limit. */
  limitRun(deadline: number | undefined, idleMs: number): void {
    this.#phase = 'total';
    this.#deadline = deadline ?? Number.POSITIVE_INFINITY;
    if (idleMs > 0) this.#idleMs = idleMs;
    this.#execution.limitsSilence = idleMs > 0;
    this.#arm();
  }

  stop(): void {
    this.#timer.stop();
  }

  /** Starts the timer for the deadline, or for the earliest time at which a silence can be too long, whichever comes first. */
  #arm(): void {
    const now = performance.now();
    const leftMs = this.#deadline - Date.now();
    const idleLeftMs = Math.min(this.#execution.silentSince, now) + this.#idleMs - now;
    this.#isDeadline = leftMs <= idleLeftMs;
    this.#timer.start(Math.max(Math.ceil(Math.min(leftMs, idleLeftMs)), 0));
  }

  #check(): void {
    const execution = this.#execution;
    if (this.#isDeadline) execution.end('failed', timeoutError(this.#phase));
    else if (performance.now() - execution.silentSince >= this.#idleMs)
      execution.end('failed', silenceError(this.#idleMs));
    else this.#arm();
  }
}
