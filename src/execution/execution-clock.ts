import { Timer } from '../kit/timer.ts';
import type { Execution } from './execution.ts';
import { silenceError, timeoutError } from './own-error.ts';

/** How often it looks whether the model has given a sign of life, in milliseconds, or a hundred times during the limit. A silence is at most so much shorter than the limit. */
const LOOK_MS = 1_000;

/** The time limits of one execution: a deadline, and one for the silence of its model calls. It has one timer. */
export class ExecutionClock {
  readonly #execution: Execution;
  #phase: 'queue' | 'total' = 'queue';
  /** Milliseconds since the epoch. */
  #deadline = Number.POSITIVE_INFINITY;
  /** 0: no limit. */
  #idleMs = 0;
  /** No call is silent for longer than since then, by the monotonic clock. */
  #silentSince = 0;
  #lookedAt = 0;
  #seen = 0;
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
    this.#idleMs = idleMs;
    this.#silentSince = this.#lookedAt = now();
    this.#arm();
  }

  stop(): void {
    this.#timer.stop();
  }

  /** Starts the timer for the deadline, or for the next look at the calls, whichever comes first. */
  #arm(): void {
    const leftMs = this.#deadline - Date.now();
    const lookMs = this.#idleMs > 0 ? this.#nextLookMs : Number.POSITIVE_INFINITY;
    this.#isDeadline = leftMs <= lookMs;
    this.#timer.start(Math.max(Math.ceil(Math.min(leftMs, lookMs)), 0));
  }

  get #nextLookMs(): number {
    const idleLeftMs = this.#silentSince + this.#idleMs - this.#lookedAt;
    return Math.min(idleLeftMs, LOOK_MS, this.#idleMs / 100);
  }

  #check(): void {
    const execution = this.#execution;
    if (this.#isDeadline) {
      execution.end('failed', timeoutError(this.#phase));
      return;
    }
    this.#look();
    if (this.#lookedAt - this.#silentSince >= this.#idleMs)
      execution.end('failed', silenceError(this.#idleMs));
    else this.#arm();
  }

  /** A sign of life came after the last look, and nobody knows when: the silence since then may have begun at the last look. */
  #look(): void {
    const lookedAt = now();
    const signs = this.#execution.signsOfLife;
    if (!this.#execution.waitsForModel) this.#silentSince = lookedAt;
    else if (signs !== this.#seen) this.#silentSince = this.#lookedAt;
    this.#seen = signs;
    this.#lookedAt = lookedAt;
  }
}

/** Whole milliseconds of the monotonic clock: a field with a fraction would need a number object of its own. */
function now(): number {
  return Math.round(performance.now());
}
