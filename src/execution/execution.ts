import { CallRecord } from './call-record.ts';
import { TurnRecord } from './turn-record.ts';
import type { TurnSteps } from './turn-steps.ts';
import type { Around, InnerSteps } from './inner-steps.ts';
import type { AfterTurn, EndHook, ExecutionEnd, SessionView } from '../context.ts';
import { SluiceError, kindOf } from '../errors.ts';
import { Values } from '../keys.ts';
import { added } from '../kit/added.ts';
import { newId } from '../kit/new-id.ts';
import { guarded, kindOfThrown } from '../kit/thrown.ts';
import type { ContextEntry } from '../keys.ts';
import { silent, toLogger } from '../log.ts';
import type { Logger, LoggerLike } from '../log.ts';
import { middlewareError } from '../middleware-error.ts';
import { reasonToWait } from '../pending-call.ts';
import type { ModelRequest, RawExchange, Reply } from '../request.ts';
import type { Outcome } from '../outcome.ts';
import { withinCloseTimeout } from '../stream/clean-up.ts';
import type { StreamOwner } from '../stream/owner.ts';
import type { Waiting } from '../stream/segment.ts';
import type { CallTapList } from '../stream/tap.ts';
import { Trace } from '../trace.ts';
import type { SpanHandle } from '../trace.ts';
import type { Spent } from '../session/steps/step.ts';
import { sumCost, sumUsage } from '../usage.ts';
import type { Cost, Usage } from '../usage.ts';

/** What one execution is made with. */
export interface ExecutionSettings {
  closeTimeoutMs: number;
  hookTimeoutMs: number;
  metadata: Record<string, unknown>;
  values: Iterable<ContextEntry> | undefined;
  /** Where the layers log; undefined: nowhere. */
  logger: LoggerLike | undefined;
  /** The steps of the call that it runs inside. */
  inside?: InnerSteps | undefined;
}

const NO_CALLS: CallRecord[] = [];
const NO_ENTRIES: readonly ContextEntry[] = [];

/** How an execution ends. */
export interface Ending {
  outcome: Outcome;
  error: SluiceError | undefined;
  /** What becomes of chunks that the consumer has not read yet. */
  waiting: Waiting;
}

/** The run that makes a call. */
interface Stoppable {
  stop(error: SluiceError, waiting: Waiting): unknown;
}

/** What all layers of one execution share, and how it ends: the first caller of `end()` decides. */
export class Execution implements StreamOwner, Around {
  readonly id: string = `exec_${newId()}`;
  readonly trace: Trace;
  readonly values: Values;
  readonly given: readonly ContextEntry[];
  readonly metadata: Record<string, unknown>;
  readonly closeTimeoutMs: number;
  readonly warnings: string[] = [];
  calls: CallRecord[] = [];
  /** The model calls of executions inside its calls, at any depth. */
  #callsInside: CallRecord[] = NO_CALLS;
  readonly raw: RawExchange[] = [];
  session: SessionView | undefined;
  deadline: number | undefined;
  interrupted = false;
  deliveredBatch: readonly unknown[] = [];
  /** The number that a call or a run of a layer was given last. */
  lastNumber = 0;
  /** The last tap on the stream of the execution: it sees all calls. */
  callTap: CallTapList | undefined;
  /** Set once, by `end()`. */
  ending: Ending | undefined;
  /** Why a middleware interrupted it. */
  reason: string | undefined;
  /** Called once, as soon as the end is decided. Set by the stream of the execution. */
  onEnding: ((ending: Ending) => void) | undefined;

  readonly #settings: ExecutionSettings;
  readonly #openCalls = new Map<CallRecord, Stoppable>();
  #hooks: readonly { hook: EndHook; name: string }[] = [];
  #afterTurn: Exclude<AfterTurn, void>[] = [];
  #span: SpanHandle | undefined;
  #log: Logger | undefined;
  #ended = false;
  #record: TurnRecord | undefined;
  readonly #inside: InnerSteps | undefined;
  /** The calls whose usage and cost were taken. */
  #taken: Set<CallRecord> | undefined;

  constructor(settings: ExecutionSettings) {
    this.#settings = settings;
    this.closeTimeoutMs = settings.closeTimeoutMs;
    this.metadata = settings.metadata;
    const { inside, values } = settings;
    this.#inside = inside;
    this.trace = new Trace(this.id, (message) => this.warn(message), inside);
    this.given = givenOf(values, inside);
    this.values = new Values(this.given);
    this.session = inside?.around?.session;
    inside?.entered(this);
  }

  /** The execution whose call it runs inside. */
  get around(): Around | undefined {
    return this.#inside?.around;
  }

  /** Made on first use. A logger that fails is a warning. */
  get log(): Logger {
    const { logger } = this.#settings;
    this.#log ??=
      logger === undefined
        ? silent
        : toLogger(logger, (thrown) => this.warn(`The logger threw ${kindOfThrown(thrown)}.`));
    return this.#log;
  }

  /** The steps of the turn; without a session, those of the execution. Inside a call, those of that call. */
  get steps(): TurnSteps {
    if (this.#inside !== undefined) return this.#inside;
    this.#record ??= this.#attached(new TurnRecord({ turnId: this.id }));
    return this.#record;
  }

  /** The record, if there are or may be steps in it. */
  get openRecord(): TurnRecord | undefined {
    return this.#record;
  }

  /** Takes the record of a turn of a session. Before a layer runs. */
  keepSteps(record: TurnRecord): void {
    this.#record = this.#attached(record);
  }

  #attached(record: TurnRecord): TurnRecord {
    // Named first: see docs/decisions/0009-what-the-collector-sees.md.
    const takeSpent = (): Spent | undefined => this.#takeSpent();
    record.takeSpent = takeSpent;
    record.around = this;
    return record;
  }

  adopt(call: CallRecord): void {
    this.#callsInside = added(this.#callsInside, call);
    this.around?.adopt(call);
  }

  /** Those of executions inside its calls, too. */
  get #allCalls(): readonly CallRecord[] {
    return this.#callsInside === NO_CALLS ? this.calls : [...this.calls, ...this.#callsInside];
  }

  /** The usage and cost of the calls that have ended since it was called last; undefined if none has. */
  #takeSpent(): Spent | undefined {
    const taken = (this.#taken ??= new Set());
    const fresh = this.#allCalls.filter((call) => call.isOver && !taken.has(call));
    if (fresh.length === 0) return undefined;
    for (const call of fresh) taken.add(call);
    return { usage: sumUsage(fresh.map(({ usage }) => usage)), cost: sumCost(fresh.map(({ cost }) => cost)) };
  }

  start(): void {
    this.#span = this.trace.span('execution', 'execution');
  }

  /**
   * The only way to end an execution. The first call decides; false for all later ones. What follows is done by the stream of the
   * execution, which `onEnding` tells.
   */
  end(outcome: Outcome, error?: SluiceError, waiting: Waiting = 'keep'): boolean {
    if (this.ending !== undefined) return false;
    this.ending = { outcome, error, waiting };
    this.onEnding?.(this.ending);
    return true;
  }

  interrupt(reason: string): void {
    if (this.ending !== undefined) return;
    this.reason = reason;
    this.interrupted = true;
    this.end('interrupted');
  }

  /** Its outermost layer has come to its end. Calls that are pending interrupt it; there is nothing to stop or to drop then. */
  complete({ pending }: Reply): boolean {
    const reason = reasonToWait(pending);
    if (reason === undefined) return this.end('completed');
    return this.interruptedBy(reason);
  }

  /** Its outermost layer gave a reply that leaves something to the caller. */
  interruptedBy(reason: string): boolean {
    const isFirst = this.end('interrupted');
    if (isFirst) this.reason = reason;
    return isFirst;
  }

  /** How it ends; undefined until that is decided. */
  get outcome(): Outcome | undefined {
    return this.ending?.outcome;
  }

  /** What it fails with, if it does. */
  get error(): SluiceError | undefined {
    return this.ending?.error;
  }

  /** Why a new run of a layer is refused, if it is. */
  get refusedBecause(): SluiceError | undefined {
    if (this.ending === undefined) return undefined;
    return new SluiceError('aborted', 'The execution is over: no new call is made.', { cause: this.error });
  }

  /** Stops the calls that run, for an interrupt. */
  stopCalls(): void {
    const error = new SluiceError('aborted', 'The execution was interrupted.', { cause: this.reason });
    for (const run of [...this.#openCalls.values()]) run.stop(error, 'drop');
  }

  warn(message: string): void {
    if (!this.warnings.includes(message)) this.warnings.push(message);
    this.around?.warn(message);
  }

  onEnd(hook: EndHook, name: string): void {
    requireFunction(hook, name, 'onEnd');
    if (this.#ended) throw middlewareError(name, 'called onEnd() after the execution had ended.');
    this.#hooks = this.#hooks.concat({ hook, name });
  }

  newCall(number: number, run: Stoppable, name: string, request: ModelRequest): CallRecord {
    const call = new CallRecord(number, request, this.trace.span('call', name, { call: number }));
    this.calls = added(this.calls, call);
    this.#openCalls.set(call, run);
    this.around?.adopt(call);
    return call;
  }

  /** Whether a model call is waited for, and no other call has something to read. */
  get waitsForModel(): boolean {
    let isWaiting = false;
    for (const { waitedFor } of this.#openCalls.keys()) {
      if (!waitedFor) return false;
      isWaiting = true;
    }
    return isWaiting;
  }

  /** A number that grows with each call, and with each sign of life of one. */
  get signsOfLife(): number {
    return this.calls.reduce((sum, { signs }) => sum + signs, this.calls.length);
  }

  callEnded(call: CallRecord, raw: { request: unknown; reply: unknown[] } | undefined): void {
    this.#openCalls.delete(call);
    if (raw !== undefined) this.raw.push({ call: call.number, ...raw });
  }

  /** The sum over all calls, including those that failed and those of executions inside. */
  get usage(): Usage {
    return sumUsage(this.#allCalls.map((call) => call.usage));
  }

  get cost(): Cost {
    return sumCost(this.#allCalls.map((call) => call.cost));
  }

  /** The usage and the cost so far, those of running calls too. */
  get soFar(): { usage: Usage; cost: Cost } {
    return {
      usage: sumUsage(this.#allCalls.map((call) => call.usageSoFar)),
      cost: sumCost(this.#allCalls.map((call) => call.costSoFar)),
    };
  }

  /** Closes the span and runs the hooks, the last registered first. Resolves to what they were told. */
  async runEndHooks(times: Pick<ExecutionEnd, 'latencyMs' | 'timeToFirstChunkMs'>): Promise<ExecutionEnd> {
    const reason = this.reason ?? (this.outcome === 'cancelled' ? this.error?.reason : undefined);
    const end: ExecutionEnd = {
      outcome: this.outcome ?? 'failed',
      ...(reason !== undefined && { reason }),
      ...(this.error !== undefined && { error: this.error }),
      usage: this.usage,
      cost: this.cost,
      ...times,
    };
    const { outcome, usage, cost } = end;
    this.#span?.end({ outcome, usage, cost, errorCode: this.error?.code });
    const owner: StreamOwner = {
      closeTimeoutMs: this.#settings.hookTimeoutMs,
      interrupted: false,
      deliveredBatch: [],
      warn: (text) => this.warn(text),
    };
    for (let last = this.#hooks.at(-1); last !== undefined; last = this.#hooks.at(-1)) {
      this.#hooks = this.#hooks.slice(0, -1);
      await withinCloseTimeout(owner, `onEnd of ${last.name}`, this.#run(last.hook, end));
    }
    this.#ended = true;
    return end;
  }

  afterTurn(reports: readonly Exclude<AfterTurn, void>[]): void {
    this.#afterTurn.push(...reports);
  }

  /** Called once the turn is stored, or could not be: tells the hooks that asked for it. The turn of an execution inside a call is the one around it. */
  turnStored(stored: boolean): void {
    const reports = this.#afterTurn.splice(0);
    if (this.around !== undefined) {
      this.around.afterTurn(reports);
      return;
    }
    for (const report of reports) {
      guarded(
        () => report(stored),
        (thrown) => this.warn(`What onEnd() left for later threw ${kindOfThrown(thrown)}.`),
      );
    }
  }

  async #run(hook: EndHook, end: ExecutionEnd): Promise<void> {
    const after = await hook(end);
    if (typeof after === 'function') this.#afterTurn.push(after);
  }
}

/** The values of an execution: what the caller of the execution around it gave, and what its own caller gave. */
function givenOf(
  values: Iterable<ContextEntry> | undefined,
  inside: InnerSteps | undefined,
): readonly ContextEntry[] {
  const above = inside?.around?.given ?? NO_ENTRIES;
  return values === undefined ? above : [...above, ...values];
}

function requireFunction(given: unknown, name: string, verb: string): void {
  if (typeof given === 'function') return;
  throw middlewareError(name, `called ${verb}() with ${kindOf(given)}: give a function.`);
}
