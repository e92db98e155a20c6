import { ignored } from '../kit/thrown.ts';
import type { StreamOwner } from './owner.ts';
import { DROPPED, UNSEEN } from './segment.ts';
import type { Segment } from './segment.ts';
import type { MapStamp, Stamp } from './stamp.ts';

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

/** What goes on in place of what a change has made of a chunk. */
type Made = (this: void, of: unknown, made: unknown) => unknown;

interface WaitTap<C, R> {
  segment: Segment<C, R>;
  tap: { pull?(): unknown };
}

const NONE: readonly never[] = [];

/** The place of the stamp before the steps. */
const STAMP = -1;

/** The taps and changes of a chain, innermost first. One synchronous loop runs them over each batch. */
export class Steps<C, R> {
  // New lists for each step: push() makes room for sixteen more. Flat lists, because the loop over them is the hottest of all.
  #steps: readonly Step[] = NONE;
  /** Whose each step is. */
  #segments: readonly Segment<C, R>[] = NONE;
  /** What goes on in place of what the changes among them make of a chunk; undefined if none is a change. */
  #changes: readonly (Made | undefined)[] | undefined;
  #waitTaps: readonly WaitTap<C, R>[] = NONE;
  /** Whether the loop runs right now. Whoever ends the chain then must wait for the current chunk. */
  running = false;
  /** Set by a step that ends the chain: the batch then ends with the current chunk. */
  stopped = false;
  /** Numbers each chunk before the first step sees it. */
  stamp: Stamp | undefined;
  #stampedBy: Segment<C, R> | undefined;
  /** Whether all chunks that leave the chain are copies that the runtime made. */
  copies = false;
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

  /** Takes the steps of a chain, whose segments are given outermost first. */
  load(segments: readonly Segment<C, R>[]): void {
    const stampedAt = stampedIn(segments, segments.length);
    for (let at = segments.length - 1; at >= 0; at--) {
      const segment = segments[at];
      if (segment === undefined) continue;
      if (at === stampedAt) this.#stampAt(segment);
      const { change } = segment;
      if (change !== undefined) {
        this.#add(segment, change, madeIn(segment, stampedIn(segments, at) >= 0));
      }
      for (const tap of segment.taps) {
        if (typeof tap === 'function') this.#add(segment, tap);
        else {
          if (tap.pull !== undefined) this.#waitTaps = this.#waitTaps.concat({ segment, tap });
          if (tap.chunk !== undefined) this.#add(segment, tap.chunk.bind(tap));
        }
      }
    }
  }

  /** Chunks are stamped where they leave the layer that has the source. What is inside of it, such as a map of its own, sees them before. */
  #stampAt(segment: Segment<C, R>): void {
    const { stamp } = segment;
    if (stamp === undefined) return;
    this.copies = stamp.makesCopies();
    if (this.#steps.length > 0) {
      this.#add(segment, (chunk: unknown) => (stamp.passes(chunk) ? chunk : stamp.admit(chunk)), asMade);
      return;
    }
    this.stamp = stamp;
    this.#stampedBy = segment;
  }

  /** The number of the chunk that was stamped last. */
  get lastNumber(): number | undefined {
    return this.stamp?.last;
  }

  /** How many steps a batch has seen that went through all of them. */
  get seen(): number {
    return this.stamp === undefined && this.#steps.length === 0 ? UNSEEN : this.#steps.length;
  }

  /** Whether a batch that the first `from` steps have seen can go on as it is. */
  isSeen(batch: readonly unknown[], from: number): boolean {
    const stamp = from === UNSEEN ? this.stamp : undefined;
    if (this.#steps.length > Math.max(from, 0)) return false;
    if (stamp === undefined) return true;
    for (const chunk of batch) if (!stamp.passes(chunk)) return false;
    return true;
  }

  /** A chunk of a generator that no step sees, stamped. Undefined for a value that is not a chunk: as part of a batch, it ends the chain. */
  stamped(result: IteratorYieldResult<C>): IteratorYieldResult<C> | undefined;
  // Two signatures, because a stamp does not know the type of what it stamps.
  stamped(result: IteratorYieldResult<unknown>): IteratorYieldResult<unknown> | undefined {
    const stamp = this.stamp;
    if (stamp === undefined || stamp.passes(result.value)) return result;
    try {
      const chunk = stamp.admit(result.value);
      return chunk === result.value ? result : { done: false, value: chunk };
    } catch {
      return undefined;
    }
  }

  #add(segment: Segment<C, R>, step: Step, made?: Made): void {
    if (made !== undefined || this.#changes !== undefined)
      this.#changes = (this.#changes ?? this.#steps.map(() => undefined)).concat(made);
    this.#steps = this.#steps.concat(step);
    this.#segments = this.#segments.concat(segment);
  }

  /** Tells those who measure waiting that the source is about to be asked. */
  tellWaitTaps(): void {
    for (const { tap, segment } of this.#waitTaps) {
      try {
        ignored(tap.pull?.());
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
    const stamp = from === UNSEEN ? this.stamp : undefined;
    const first = Math.max(from, 0);
    this.running = true;
    const passed =
      this.#changes === undefined
        ? this.#show(batch, owner, first, stamp)
        : this.#change(batch, owner, first, stamp, this.#changes);
    this.running = false;
    if (!interrupted && owner.interrupted) owner.deliveredBatch = passed;
    return passed;
  }

  /** For a chain of taps: the batch itself goes on, unless the stamp makes other chunks of those in it. */
  #show(
    batch: readonly unknown[],
    owner: StreamOwner,
    first: number,
    stamp: Stamp | undefined,
  ): readonly unknown[] {
    const steps = this.#steps;
    const { interrupted } = owner;
    let stamped: unknown[] | undefined;
    let seen = 0;
    let at = STAMP;
    try {
      while (seen < batch.length) {
        let chunk = batch[seen];
        at = STAMP;
        if (stamp !== undefined && !stamp.passes(chunk)) {
          const mine = stamp.admit(chunk);
          if (stamped !== undefined) stamped.push(mine);
          else if (mine !== chunk) stamped = upTo(batch, seen, mine);
          chunk = mine;
        } else {
          stamped?.push(chunk);
        }
        for (at = first; at < steps.length; at++) {
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
    const passed = stamped ?? batch;
    return seen === passed.length ? passed : passed.slice(0, seen);
  }

  /** For a chain with changes: a new batch goes on as soon as one of its chunks is another one. */
  #change(
    batch: readonly unknown[],
    owner: StreamOwner,
    first: number,
    stamp: Stamp | undefined,
    changes: readonly (Made | undefined)[],
  ): readonly unknown[] {
    const steps = this.#steps;
    const { interrupted } = owner;
    let passed: unknown[] | undefined;
    let seen = 0;
    let at = STAMP;
    try {
      while (seen < batch.length) {
        const given = batch[seen];
        let chunk = given;
        at = STAMP;
        if (stamp !== undefined && !stamp.passes(chunk)) chunk = stamp.admit(chunk);
        for (at = first; at < steps.length; at++) {
          const made = changes[at];
          if (made === undefined) {
            const answer = steps[at]?.(chunk);
            if (typeof answer === 'object') ignored(answer);
            continue;
          }
          const answer = steps[at]?.(chunk);
          // Most changes give most chunks back as they are.
          if (answer === chunk) continue;
          chunk = answer === DROPPED ? DROPPED : made(chunk, answer);
          if (chunk === DROPPED) break;
        }
        if (passed === undefined) {
          if (chunk !== given) passed = chunk === DROPPED ? batch.slice(0, seen) : upTo(batch, seen, chunk);
        } else if (chunk !== DROPPED) {
          passed.push(chunk);
        }
        seen++;
        if (this.stopped || (!interrupted && owner.interrupted)) break;
      }
    } catch (thrown) {
      this.#failed(at, thrown);
    }
    if (passed !== undefined) return passed;
    return seen === batch.length ? batch : batch.slice(0, seen);
  }

  #failed(at: number, thrown: unknown): void {
    const segment = at === STAMP ? this.#stampedBy : this.#segments[at];
    if (segment !== undefined) this.failure = { segment, thrown };
  }
}

/** The first chunks of a batch, and one more. A batch of one needs no room for more, which push() would make. */
function upTo(batch: readonly unknown[], length: number, last: unknown): unknown[] {
  return length === 0 ? [last] : batch.slice(0, length).concat([last]);
}

/** The innermost of the first segments that stamps chunks; -1 if none does. */
function stampedIn<C, R>(segments: readonly Segment<C, R>[], first: number): number {
  let at = first - 1;
  while (at >= 0 && segments[at]?.isStamped() !== true) at--;
  return at;
}

/** What goes on in place of what a change has made of a chunk, which belongs to the layer that made it. `isHandedOn`: the layer returned it. */
function madeIn<C, R>(segment: Segment<C, R>, isHandedOn: boolean): Made {
  let stamp: MapStamp | undefined;
  return (of, made) => {
    // Asked for now: a map that changes no chunk needs none.
    stamp ??= segment.stampAbove;
    return stamp === undefined ? made : stamp.made(of, made, isHandedOn);
  };
}

function asMade(_of: unknown, made: unknown): unknown {
  return made;
}
