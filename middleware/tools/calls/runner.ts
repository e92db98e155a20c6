import type {
  ExecutionContext,
  PendingCall,
  ResultStep,
  SluiceError,
  Span,
  Step,
  TurnSteps,
} from '../../../src/index.ts';
import { RunningCall } from './calls.ts';
import type { CallOwner, ReadyCall } from './calls.ts';
import type { LoopRecord } from '../loop/record.ts';
import type { ToolsSettings } from '../options.ts';
import { errorResult } from '../result.ts';
import { takeStarts } from './schedule.ts';
import { messageOf } from '../values.ts';

/** What a runner tells its loop. */
export interface RunnerEvents {
  /** Results that are recorded, in the order in which they came. */
  results(steps: readonly ResultStep[]): void;
  progress(call: RunningCall, data: unknown): void;
}

/** Runs the calls of a round, a few at a time, until each has its result. Nothing starts and nothing is shown before the record of it is kept. */
export class Runner implements CallOwner {
  readonly context: ExecutionContext;
  readonly settings: ToolsSettings;
  readonly turnId: string;
  readonly #record: LoopRecord;
  readonly #events: RunnerEvents;
  #queue: ReadyCall[] = [];
  #running: RunningCall[] = [];
  /** Calls that run once more as soon as that is recorded. */
  #again: RunningCall[] = [];
  /** Results that are not recorded yet. */
  #settled: ResultStep[] = [];
  /** What its calls wait for, by their ids. */
  #waiting = new Map<string, readonly PendingCall[]>();
  #hasNews = false;
  #flushing: Promise<void> | undefined;
  #isStopped = false;
  #done = Promise.withResolvers<void>();
  /** Resolves when nothing runs any more. */
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(
    of: { context: ExecutionContext; settings: ToolsSettings; turnId: string },
    record: LoopRecord,
    events: RunnerEvents,
  ) {
    this.context = of.context;
    this.settings = of.settings;
    this.turnId = of.turnId;
    this.#record = record;
    this.#events = events;
  }

  get canWait(): boolean {
    return this.#record.isDurable;
  }

  /**
   * Runs calls. `starts` are recorded as begun already; the others of the queue begin as places get free. Resolves to the calls that wait for a decision now. Rejects with what
   * ends the execution.
   */
  async run(starts: readonly ReadyCall[], queue: readonly ReadyCall[]): Promise<readonly PendingCall[]> {
    this.#queue = [...queue];
    this.#waiting = new Map();
    this.#done = Promise.withResolvers();
    for (const ready of starts) this.#begin(ready);
    if (this.#running.length > 0) await this.#done.promise;
    // In the order of the calls, whichever came to its wait first.
    return [...starts, ...queue].flatMap(({ call }) => this.#waiting.get(call.id) ?? []);
  }

  /** No tool starts from here on. Those that run are told, unless they may finish. Resolves when none runs. */
  async stop(reason: unknown, mayFinish: boolean): Promise<void> {
    this.#isStopped = true;
    this.#queue = [];
    for (const call of this.#running) if (!mayFinish || call.isBetween) call.cancel('end', reason);
    if (this.#running.length === 0) return;
    this.#drained ??= Promise.withResolvers();
    await this.#drained.promise;
  }

  /** Resolves when what has settled is recorded, or could not be. Undefined if there is nothing to wait for. */
  get recording(): Promise<void> | undefined {
    return this.#flushing;
  }

  again(call: RunningCall): boolean {
    if (this.#isStopped) return false;
    this.#again.push(call);
    this.#ended();
    return true;
  }

  settled(call: RunningCall, result: ResultStep): void {
    this.#left(call);
    // What had no end before the execution had one stays begun: nobody knows what it did.
    if (this.#isStopped && result.outcome !== 'done') return;
    this.#settled.push(result);
    this.#ended();
  }

  late(result: ResultStep): void {
    this.#settled.push(result);
    this.#ended();
  }

  waits(call: RunningCall, pending: readonly PendingCall[]): void {
    this.#left(call);
    if (this.#isStopped) return;
    this.#waiting.set(call.ready.call.id, pending);
    this.#ended();
  }

  under(callId: string, span: Span): TurnSteps {
    return this.#record.under(callId, span);
  }

  failed(call: RunningCall, error: SluiceError): void {
    this.#left(call);
    this.#done.reject(error);
  }

  progress(call: RunningCall, data: unknown): void {
    if (!this.#isStopped) this.#events.progress(call, data);
  }

  #begin(ready: ReadyCall): void {
    if (this.#isStopped) return;
    const call = new RunningCall(ready, this);
    this.#running.push(call);
    call.start();
  }

  #left(call: RunningCall): void {
    this.#running = this.#running.filter((one) => one !== call);
    if (this.#running.length === 0) this.#drained?.resolve();
  }

  /** A call has come to its end: there is something to record, or room for another one. */
  #ended(): void {
    this.#hasNews = true;
    this.#flushing ??= this.#flush();
  }

  /** What comes within one tick is recorded in one write. */
  async #flush(): Promise<void> {
    let batch: ResultStep[] = [];
    try {
      await Promise.resolve();
      while (this.#hasNews) {
        this.#hasNews = false;
        batch = this.#settled.splice(0);
        await this.#write(batch);
      }
      if (this.#running.length === 0 && this.#queue.length === 0) this.#done.resolve();
    } catch (error) {
      this.#warnOf([...batch, ...this.#settled.splice(0)], error);
      this.#done.reject(error);
    } finally {
      this.#flushing = undefined;
    }
  }

  async #write(results: ResultStep[]): Promise<void> {
    if (this.settings.cancelOnError && results.some(({ isError, late }) => isError && late !== true))
      this.#cancelSiblings(results);
    const running = this.#running.map(({ ready }) => ready);
    const starts = this.#isStopped ? [] : takeStarts(this.#queue, running, this.settings.maxParallel);
    const again = this.#again.splice(0).filter(({ isOver }) => !isOver);
    const steps: Step[] = [...results];
    for (const { call } of [...again.map(({ ready }) => ready), ...starts])
      steps.push({ kind: 'started', callId: call.id });
    if (steps.length > 0) await this.#record.record(steps);
    if (this.#isStopped) return;
    this.#events.results(results.filter(({ late }) => late !== true));
    for (const call of again) call.start();
    for (const ready of starts) this.#begin(ready);
  }

  /** The execution may be over, so that nothing else reports it. */
  #warnOf(results: readonly ResultStep[], error: unknown): void {
    const { id, log } = this.context;
    for (const { callId } of results) {
      const name = this.#record.ledger.calls.get(callId)?.call.name ?? callId;
      const why = `tools(): the result of ${name} was not recorded: ${messageOf(error)}`;
      log.warn(why, { execution: id, callId });
    }
  }

  /** Those that run are told to stop, and waited for. Those that wait are not run. */
  #cancelSiblings(results: ResultStep[]): void {
    for (const call of this.#running) call.cancel('sibling', new Error('Another call of the round failed.'));
    for (const { call } of this.#queue.splice(0))
      results.push(notRun(call.id, 'another call of the same reply failed', this.settings));
  }
}

/** The result of a call that is not run. */
export function notRun(callId: string, because: string, settings: ToolsSettings): ResultStep {
  const said = errorResult(`The tool was not run, because ${because}.`, settings.maxResultCharacters);
  return { kind: 'result', callId, ...said, outcome: 'notRun' };
}
