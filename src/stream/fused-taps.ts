import type { BoundTap, Look } from './tap.ts';
import type { Host } from './teardown.ts';

/** A tap that threw: whose it is, and what it threw. */
export interface TapFailure<S> {
  at: S | undefined;
  thrown: unknown;
}

const NONE: readonly never[] = [];

/** The taps of a chain of fused streams `S`, inner first, run in one synchronous loop. */
export class FusedTaps<C, R, S> {
  // New lists for each that is added: push() makes room for sixteen more.
  #looks: readonly Look<C>[] = NONE;
  /** Whose each look is. */
  #lookers: readonly S[] = NONE;
  #pulls: readonly NonNullable<BoundTap<C, R>['pull']>[] = NONE;
  /** Whose each pull is. */
  #pullers: readonly S[] = NONE;
  /** Whether the loop runs right now: whoever ends the stream then must wait for the current chunk. */
  running = false;
  /** Set by a tap's doing: the batch is cut behind the current chunk. */
  stopped = false;

  /** How many look at chunks. */
  get size(): number {
    return this.#looks.length;
  }

  get idle(): boolean {
    return this.#looks.length === 0;
  }

  /** Whether nobody measures waiting. */
  get timeless(): boolean {
    return this.#pulls.length === 0;
  }

  add(taps: readonly BoundTap<C, R>[], stream: S): void {
    for (const { chunk, pull } of taps) {
      if (pull !== undefined) {
        this.#pulls = this.#pulls.concat(pull);
        this.#pullers = this.#pullers.concat(stream);
      }
      if (chunk === undefined) continue;
      this.#looks = this.#looks.concat(chunk);
      this.#lookers = this.#lookers.concat(stream);
    }
  }

  /** Tells those who measure waiting that the source is about to be asked. */
  pull(failed: (failure: TapFailure<S>) => void): void {
    let tap = 0;
    try {
      for (; tap < this.#pulls.length; tap++) this.#pulls[tap]?.();
    } catch (thrown) {
      failed({ at: this.#pullers[tap], thrown });
    }
  }

  /**
   * What of the batch goes on: all of it, or what came before a tap threw, or ended the stream or the execution. The first `from` taps have seen it
   * already.
   */
  run(batch: readonly C[], host: Host, failed: (failure: TapFailure<S>) => void, from = 0): readonly C[] {
    const looks = this.#looks;
    const halted = host.halted;
    let seen = 0;
    let tap = 0;
    this.running = true;
    try {
      for (const chunk of batch) {
        for (tap = from; tap < looks.length; tap++) looks[tap]?.(chunk);
        seen++;
        if (this.stopped || (!halted && host.halted)) break;
      }
    } catch (thrown) {
      failed({ at: this.#lookers[tap], thrown });
    }
    this.running = false;
    const passed = seen === batch.length ? batch : batch.slice(0, seen);
    if (!halted && host.halted) host.current = passed;
    return passed;
  }
}
