import { SluiceError, isSluiceError } from '../errors.ts';
import type { Spent, Step, StoredStep } from '../session/steps/step.ts';
import type { Span } from '../trace.ts';
import { sumCost, sumUsage } from '../usage.ts';
import { InnerSteps, placedUnder } from './inner-steps.ts';
import type { Around, SharedRecord } from './inner-steps.ts';
import type { ClaimableDecisions, StepWriter, TurnSteps } from './turn-steps.ts';

/** Where the steps of a turn are stored. */
export interface StepStore {
  /** The token of the lease of this run. */
  readonly token: number;
  /** Whether the store knows steps. */
  readonly canRecord: boolean;
  /** The time by the clock of the store. */
  readonly time: number;
  /** `from`: the number of the first. `before`: the time after which nothing is stored. */
  write(
    steps: readonly Step[],
    from: number,
    spent: Spent | undefined,
    before: number | undefined,
  ): Promise<void>;
  /** Makes sure that the lease was not lost since the last write. Throws `lease_lost`. */
  confirm(): Promise<void>;
}

/** What a {@link TurnRecord} is made with. */
export interface TurnRecordSetup {
  readonly turnId: string;
  readonly path?: string | undefined;
  /** What earlier runs have stored. */
  readonly earlier?: readonly StoredStep[];
  /** Undefined: nowhere. */
  readonly store?: StepStore | undefined;
  readonly decisions?: ClaimableDecisions | undefined;
}

/** Records that wait to be written. */
interface Queued {
  readonly steps: readonly Step[];
  readonly before: number | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/** The record of one turn during one execution: see {@link TurnSteps}. */
export class TurnRecord implements TurnSteps, SharedRecord {
  readonly turnId: string;
  readonly path: string | undefined;
  underWay: TurnSteps['underWay'];
  /** The execution. */
  around: Around | undefined;
  /** Takes what the calls have used that have ended since it was called last. Set by the execution. */
  takeSpent: () => Spent | undefined = () => undefined;
  readonly #store: StepStore | undefined;
  readonly #list: StoredStep[];
  readonly #earlier: number;
  #queue: Queued[] = [];
  #writing: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;
  #closed = false;
  /** The signals of the layers that may write, by their paths. */
  #writers: Map<string | undefined, AbortSignal> | undefined;
  #rest: Spent | undefined;
  #decisions: ClaimableDecisions | undefined;

  constructor({ turnId, path, earlier = [], store, decisions }: TurnRecordSetup) {
    this.turnId = turnId;
    this.path = path;
    this.#list = [...earlier];
    this.#earlier = earlier.length;
    this.#store = store;
    this.#decisions = decisions;
  }

  get list(): readonly StoredStep[] {
    return this.#list;
  }

  get isDurable(): boolean {
    return this.#store?.canRecord ?? false;
  }

  get time(): number {
    return this.#store?.time ?? Date.now();
  }

  get decisions(): ClaimableDecisions | undefined {
    return this.#decisions;
  }

  /** The error of an execution whose decisions no layer has taken. */
  get unclaimed(): SluiceError | undefined {
    return this.#decisions === undefined ? undefined : unclaimedError();
  }

  enter(signal: AbortSignal): StepWriter {
    return this.enterUnder(this.path, signal);
  }

  /** There is one writer for each path. What they record in one turn of the event loop is stored together. */
  enterUnder(path: string | undefined, signal: AbortSignal): StepWriter {
    const writers = (this.#writers ??= new Map<string | undefined, AbortSignal>());
    const before = writers.get(path);
    if (before !== undefined && !before.aborted) {
      throw new SluiceError(
        'middleware',
        'Two layers record steps of one execution at the same time: put one tools() into the stack, and hedge below it.',
      );
    }
    writers.set(path, signal);
    const isMine = (): boolean => writers.get(path) === signal;
    return {
      record: (steps, { before: latest } = {}) =>
        isMine() ? this.#record(placedUnder(path, steps), latest) : Promise.reject(abandoned()),
      leave: () => {
        if (isMine()) writers.delete(path);
      },
    };
  }

  under(callId: string, span?: Span): InnerSteps {
    return new InnerSteps({ record: this, callId, around: this.around, span });
  }

  apart(
    turnId: string,
    path: string | undefined = this.path,
    around: Around | undefined = this.around,
  ): TurnRecord {
    const record = new TurnRecord({ turnId, path });
    record.around = around;
    return record;
  }

  /** What the turn has spent: in earlier runs and in this one. */
  get total(): Spent {
    return sumOfSteps(this.#list, this.#store?.token, this.rest);
  }

  /** What was spent since the last record. */
  get rest(): Spent | undefined {
    const more = this.takeSpent();
    if (more !== undefined) this.#rest = sumOf([this.#rest, more]);
    return this.#rest;
  }

  get hasSteps(): boolean {
    return this.#list.length > 0;
  }

  /** Whether the store may hold steps: also if it failed while it was given some, since it may have stored them. */
  get mayHaveSteps(): boolean {
    return this.hasSteps || (this.#failure !== undefined && isUncertain(this.#failure.error));
  }

  /** Whether this execution has added steps, or has spent something. */
  get hasGrown(): boolean {
    return this.#list.length > this.#earlier || this.rest !== undefined;
  }

  /** No more steps are taken. Resolves when those that were given are stored, or could not be. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing?.catch(() => undefined);
  }

  /** Stores that this run ends before the turn does. After `close()`. */
  async cut(outcome: 'failed' | 'cancelled'): Promise<void> {
    const message = this.underWay?.();
    await this.#write([{ kind: 'cut', outcome, ...(message !== undefined && { message }) }], undefined);
  }

  #record(steps: readonly Step[], before: number | undefined): Promise<void> {
    if (this.#closed)
      return Promise.reject(new SluiceError('aborted', 'The turn is over: no step is recorded any more.'));
    const done = Promise.withResolvers<void>();
    this.#queue.push({ steps, before, done });
    this.#writing ??= this.#drain();
    return done.promise;
  }

  async #drain(): Promise<void> {
    // What several tools record in one tick goes into one write.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#flush(this.#queue.splice(0));
    this.#writing = undefined;
  }

  async #flush(batch: readonly Queued[]): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      const times = batch.flatMap(({ before }) => before ?? []);
      await this.#write(
        batch.flatMap(({ steps }) => steps),
        times.length === 0 ? undefined : Math.min(...times),
      );
      if (batch.some(({ steps }) => steps.some(beginsCalls))) await this.#store?.confirm();
      for (const { done } of batch) done.resolve();
    } catch (error) {
      // Nobody knows whether it was stored, so nothing may follow it.
      this.#failure = { error };
      for (const { done } of batch) done.reject(error);
    }
  }

  async #write(steps: readonly Step[], before: number | undefined): Promise<void> {
    const from = this.#list.length;
    // One sum for all tries of the write.
    const spent = this.rest;
    this.#rest = undefined;
    try {
      await this.#store?.write(steps, from, spent, before);
    } catch (error) {
      if (spent !== undefined) this.#rest = sumOf([spent, this.#rest]);
      throw error;
    }
    if (steps.some((step) => step.kind === 'decision' && step.by === this.#decisions?.by))
      this.#decisions = undefined;
    const token = this.#store?.token ?? 0;
    const at = this.time;
    steps.forEach((step, place) => {
      this.#list.push({
        n: from + place,
        step,
        token,
        at,
        ...(place === 0 && spent !== undefined && { spent }),
      });
    });
  }
}

/**
 * What a turn has spent by its steps and since then. It is an estimate if one of its runs has died: a call may have been under way of which nobody
 * knows. `token`: that of the run that asks.
 */
export function sumOfSteps(list: readonly StoredStep[], token: number | undefined, rest?: Spent): Spent {
  const { usage, cost } = sumOf([...list.map(({ spent }) => spent), rest]);
  if (!hasDied(list, token)) return { usage, cost };
  return {
    usage: { ...usage, estimated: true },
    cost: cost.status === 'exact' ? { ...cost, status: 'estimated' } : cost,
  };
}

/** Whether a run has ended without saying so: another lease follows a step that is neither `wait` nor `cut`. */
function hasDied(list: readonly StoredStep[], now: number | undefined): boolean {
  return list.some(({ token, step: { kind } }, at) => {
    if (kind === 'wait' || kind === 'cut') return false;
    return (list[at + 1]?.token ?? now ?? token) !== token;
  });
}

/** Whether a tool starts as soon as a step is stored. */
function beginsCalls(step: Step): boolean {
  return step.kind === 'started' || (step.kind === 'reply' && step.starts.length > 0);
}

/** Whether a write that failed may have been carried out. */
function isUncertain(error: unknown): boolean {
  return !isSluiceError(error) || error.code === 'store';
}

function sumOf(all: readonly (Spent | undefined)[]): Spent {
  const known = all.filter((spent) => spent !== undefined);
  return { usage: sumUsage(known.map(({ usage }) => usage)), cost: sumCost(known.map(({ cost }) => cost)) };
}

function abandoned(): SluiceError {
  return new SluiceError(
    'aborted',
    'The layer was abandoned, and another has taken its place: its steps are not recorded.',
  );
}

function unclaimedError(): SluiceError {
  return new SluiceError(
    'invalid_options',
    'Nothing was done about the decisions: no layer of the pipeline has the calls that wait. Put the same tools() into it that has made them.',
  );
}
