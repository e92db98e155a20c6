import type { LayerRun } from './layer-run.ts';
import type { Call, CallObserver } from '../call.ts';
import { CallRecord } from './call-record.ts';
import type { AfterTurn, EndHook, ExecutionEnd, SessionView } from '../context.ts';
import { SluiceError, kindOf } from '../errors.ts';
import { Values } from '../keys.ts';
import type { ContextEntry } from '../keys.ts';
import type { Logger } from '../log.ts';
import { middlewareError } from '../middleware-error.ts';
import type { ModelRequest, RawExchange } from '../request.ts';
import type { Outcome } from '../result.ts';
import { withinCloseTimeout } from '../stream/clean-up.ts';
import type { StreamOwner } from '../stream/owner.ts';
import { Trace } from '../trace.ts';
import type { Attributes, SpanHandle, SpanKind } from '../trace.ts';
import { sumCost, sumUsage } from '../usage.ts';
import type { Cost, Usage } from '../usage.ts';

type CallWatcher = (call: Call) => CallObserver | void;

/** What one execution is made with. */
export interface ExecutionSettings {
  closeTimeoutMs: number;
  hookTimeoutMs: number;
  metadata: Record<string, unknown>;
  values: Iterable<ContextEntry> | undefined;
  log: Logger;
}

/** What all layers of one execution share, and its one outcome: the first that decides wins. */
export class Execution implements StreamOwner {
  readonly id: string = `exec_${crypto.randomUUID()}`;
  readonly trace: Trace = new Trace(this.id, (message) => this.warn(message));
  readonly values: Values;
  readonly metadata: Record<string, unknown>;
  readonly log: Logger;
  readonly closeTimeoutMs: number;
  readonly warnings: string[] = [];
  readonly calls: CallRecord[] = [];
  readonly raw: RawExchange[] = [];
  session: SessionView | undefined;
  deadline: number | undefined;
  interrupted = false;
  deliveredBatch: readonly unknown[] = [];
  outcome: Outcome | undefined;
  error: SluiceError | undefined;
  reason: string | undefined;
  /** Told once when the execution is interrupted. */
  onHalt: (() => void) | undefined;

  readonly #settings: ExecutionSettings;
  readonly #open = new Map<CallRecord, LayerRun>();
  #watchers: readonly CallWatcher[] = [];
  #hooks: readonly { hook: EndHook; name: string }[] = [];
  #afterTurn: Exclude<AfterTurn, void>[] = [];
  #span: SpanHandle | undefined;
  #ended = false;

  constructor(settings: ExecutionSettings) {
    this.#settings = settings;
    this.closeTimeoutMs = settings.closeTimeoutMs;
    this.metadata = settings.metadata;
    this.values = new Values(settings.values);
    this.log = settings.log;
  }

  start(): void {
    this.#span = this.trace.open('execution', 'execution');
  }

  /** Settles the outcome. False where it was settled before. */
  decide(outcome: Outcome, error?: SluiceError): boolean {
    if (this.outcome !== undefined) return false;
    this.outcome = outcome;
    this.error = error;
    return true;
  }

  /** Why a new attempt is refused, if it is. */
  get refusal(): SluiceError | undefined {
    if (this.outcome === undefined) return undefined;
    return new SluiceError('aborted', 'The execution is over: no new call is made.', { cause: this.error });
  }

  interrupt(reason: string): void {
    if (!this.decide('interrupted')) return;
    this.reason = reason;
    this.interrupted = true;
    const error = new SluiceError('aborted', 'The execution was interrupted.', { cause: reason });
    for (const attempt of [...this.#open.values()]) void attempt.cancel(error);
    this.onHalt?.();
  }

  warn(message: string): void {
    if (!this.warnings.includes(message)) this.warnings.push(message);
  }

  onCall(watcher: CallWatcher, name: string): void {
    requireFunction(watcher, name, 'onCall');
    this.#watchers = this.#watchers.concat(watcher);
  }

  onEnd(hook: EndHook, name: string): void {
    requireFunction(hook, name, 'onEnd');
    if (this.#ended) throw middlewareError(name, 'called onEnd() after the execution had ended.');
    this.#hooks = this.#hooks.concat({ hook, name });
  }

  span(kind: SpanKind, name: string, attributes?: Attributes): SpanHandle {
    return this.trace.open(kind, name, attributes, this.#span?.span.id);
  }

  newCall(attempt: LayerRun, name: string, request: ModelRequest): CallRecord {
    const number = this.calls.length + 1;
    const call = new CallRecord(number, request, this.span('call', name, { call: number }));
    this.calls.push(call);
    this.#open.set(call, attempt);
    return call;
  }

  /** Shows a new call to those who observe calls; one that throws refuses it. */
  announce(call: CallRecord): void {
    for (const watch of this.#watchers) {
      const observer = watch(call);
      if (observer !== undefined) call.observe(observer);
    }
  }

  callEnded(call: CallRecord, raw: { request: unknown; reply: unknown[] } | undefined): void {
    this.#open.delete(call);
    if (raw !== undefined) this.raw.push({ call: call.number, ...raw });
  }

  /** Sum over all calls, those that failed too. */
  get usage(): Usage {
    return sumUsage(this.calls.map((call) => call.usage));
  }

  get cost(): Cost {
    return sumCost(this.calls.map((call) => call.cost));
  }

  /** Closes the span and runs the hooks, the last registered first. */
  async end(times: Pick<ExecutionEnd, 'latencyMs' | 'timeToFirstChunkMs'>): Promise<ExecutionEnd> {
    const end: ExecutionEnd = {
      outcome: this.outcome ?? 'failed',
      ...(this.reason !== undefined && { reason: this.reason }),
      ...(this.error !== undefined && { error: this.error }),
      usage: this.usage,
      cost: this.cost,
      ...times,
    };
    const { outcome, usage, cost } = end;
    this.#span?.end({ outcome, usage, cost, errorCode: this.error?.code });
    const host: StreamOwner = {
      closeTimeoutMs: this.#settings.hookTimeoutMs,
      interrupted: false,
      deliveredBatch: [],
      warn: (text) => this.warn(text),
    };
    for (let last = this.#hooks.at(-1); last !== undefined; last = this.#hooks.at(-1)) {
      this.#hooks = this.#hooks.slice(0, -1);
      await withinCloseTimeout(host, `onEnd of ${last.name}`, this.#run(last.hook, end));
    }
    this.#ended = true;
    return end;
  }

  /** Once the turn is stored, or could not be: tells those that waited for it. */
  turnStored(stored: boolean): void {
    for (const hear of this.#afterTurn.splice(0)) {
      try {
        hear(stored);
      } catch (thrown) {
        this.warn(`What onEnd() left for later threw ${thrown instanceof Error ? thrown.name : 'no Error'}.`);
      }
    }
  }

  async #run(hook: EndHook, end: ExecutionEnd): Promise<void> {
    const after = await hook(end);
    if (typeof after === 'function') this.#afterTurn.push(after);
  }
}

function requireFunction(given: unknown, name: string, verb: string): void {
  if (typeof given === 'function') return;
  throw middlewareError(name, `called ${verb}() with ${kindOf(given)}: give a function.`);
}
