import { ignored } from '../kit/thrown.ts';
import type { StreamOwner } from './owner.ts';
import { DROPPED } from './segment.ts';
import type { Segment } from './segment.ts';
import type { BoundTap } from './tap.ts';

/** A tap or a change that threw: whose it is, and what it threw. */
export interface StepFailure<C, R> {
  segment: Segment<C, R>;
  thrown: unknown;
}

/** A tap, whose answer nobody reads, or a change. A method signature: chunks change their type on the way. */
interface Steppable {
  step(this: void, chunk: unknown): unknown;
}
type Step = Steppable['step'];

interface WaitTap<C, R> {
  segment: Segment<C, R>;
  pull: NonNullable<BoundTap<C, R>['pull']>;
}

const NONE: readonly never[] = [];

/** The taps and changes of a chain, innermost first. One synchronous loop runs them over each batch. */
export class Steps<C, R> {
  // New lists for each step: push() makes room for sixteen more. Flat lists, because the loop over them is the hottest of all.
  #steps: readonly Step[] = NONE;
  /** Whose each step is. */
  #segments: readonly Segment<C, R>[] = NONE;
  /** Which steps are changes; undefined if none is. */
  #isChange: readonly boolean[] | undefined;
  #waitTaps: readonly WaitTap<C, R>[] = NONE;
  /** Whether the loop runs right now. Whoever ends the chain then must wait for the current chunk. */
  running = false;
  /** Set by a step that ends the chain: the batch then ends with the current chunk. */
  stopped = false;
  /** The step that threw, if one did. */
  failure: StepFailure<C, R> | undefined;

  /** How many see chunks. */
  get size(): number {
    return this.#steps.length;
  }

  /** Whether somebody measures how long the source takes. */
  get hasWaitTaps(): boolean {
    return this.#waitTaps.length > 0;
  }

  add(segment: Segment<C, R>): void {
    const { change } = segment;
    if (change !== undefined) this.#add(segment, change, true);
    for (const { chunk, pull } of segment.taps) {
      if (pull !== undefined) this.#waitTaps = this.#waitTaps.concat({ segment, pull });
      if (chunk !== undefined) this.#add(segment, chunk, false);
    }
  }

  #add(segment: Segment<C, R>, step: Step, isChange: boolean): void {
    if (isChange || this.#isChange !== undefined)
      this.#isChange = (this.#isChange ?? this.#steps.map(() => false)).concat(isChange);
    this.#steps = this.#steps.concat(step);
    this.#segments = this.#segments.concat(segment);
  }

  /** Tells those who measure waiting that the source is about to be asked. */
  tellWaitTaps(): void {
    for (const { pull, segment } of this.#waitTaps) {
      try {
        const answer: unknown = pull();
        ignored(answer);
      } catch (thrown) {
        this.failure = { segment, thrown };
        return;
      }
    }
  }

  /**
   * What is left of a batch: all of it, or what came before a step threw, ended the chain or interrupted the execution. The first `from`
   * steps have seen it already.
   */
  run(batch: readonly C[], owner: StreamOwner, from: number): readonly C[];
  // Two signatures, because TypeScript cannot follow the type of a chunk through the changes.
  run(batch: readonly unknown[], owner: StreamOwner, from: number): readonly unknown[] {
    const { interrupted } = owner;
    this.running = true;
    const passed =
      this.#isChange === undefined
        ? this.#show(batch, owner, from)
        : this.#change(batch, owner, from, this.#isChange);
    this.running = false;
    if (!interrupted && owner.interrupted) owner.deliveredBatch = passed;
    return passed;
  }

  /** For a chain of taps: the batch itself goes on. */
  #show(batch: readonly unknown[], owner: StreamOwner, from: number): readonly unknown[] {
    const steps = this.#steps;
    const { interrupted } = owner;
    let seen = 0;
    let at = from;
    try {
      while (seen < batch.length) {
        const chunk = batch[seen];
        for (at = from; at < steps.length; at++) {
          const answer = steps[at]?.(chunk);
          // An async tap is a mistake, but no reason to end the process.
          if (typeof answer === 'object') ignored(answer);
        }
        seen++;
        if (this.stopped || (!interrupted && owner.interrupted)) break;
      }
    } catch (thrown) {
      this.#failed(at, thrown);
    }
    return seen === batch.length ? batch : batch.slice(0, seen);
  }

  /** For a chain with changes: a new batch goes on. */
  #change(
    batch: readonly unknown[],
    owner: StreamOwner,
    from: number,
    isChange: readonly boolean[],
  ): readonly unknown[] {
    const steps = this.#steps;
    const { interrupted } = owner;
    const passed: unknown[] = [];
    let at = from;
    try {
      for (let chunk of batch) {
        for (at = from; at < steps.length && chunk !== DROPPED; at++) {
          const made = steps[at]?.(chunk);
          if (isChange[at] === true) chunk = made;
          else if (typeof made === 'object') ignored(made);
        }
        if (chunk !== DROPPED) passed.push(chunk);
        if (this.stopped || (!interrupted && owner.interrupted)) break;
      }
    } catch (thrown) {
      this.#failed(at, thrown);
    }
    return passed;
  }

  #failed(at: number, thrown: unknown): void {
    const segment = this.#segments[at];
    if (segment !== undefined) this.failure = { segment, thrown };
  }
}
