import { SluiceError, isSluiceError } from '../../../src/index.ts';
import type {
  CallOutcome,
  ExecutionContext,
  Outcome,
  PendingCall,
  ResultStep,
  Span,
  SpanHandle,
  ToolCallPart,
  TurnSteps,
} from '../../../src/index.ts';
import { Timer, kindOfThrown, scrub, textOfResult } from '../../../src/kit/index.ts';
import type { ToolsSettings } from '../options.ts';
import { errorResult, normalResult, noted, plainCopy } from '../result.ts';
import type { NormalResult } from '../result.ts';
import type { Approval, RunCall, Tool, ToolRun } from '../tool.ts';
import { Unfinished } from '../unfinished.ts';
import { isUnknownOutcome } from '../unknown-outcome.ts';
import { CANCELLED, UNKNOWN, messageOf } from '../values.ts';
import { unknownCall } from './waiting.ts';

/** A call that is ready to run. */
export interface ReadyCall {
  readonly call: ToolCallPart;
  readonly tool: Tool;
  readonly run: RunCall;
  /** The checked arguments. */
  readonly input: unknown;
  /** Who has approved it, if somebody had to. */
  readonly approval?: Approval;
  /** What the model is told before the result. */
  readonly note?: string | undefined;
}

/** What a running call reports to. */
export interface CallOwner {
  readonly context: ExecutionContext;
  readonly settings: ToolsSettings;
  readonly turnId: string;
  /** Whether a call of unknown outcome can wait for a decision. */
  readonly canWait: boolean;
  /** It has to run once more: `start()` is called when that is recorded. Returns false if no tool starts any more. */
  again(call: RunningCall): boolean;
  /** It has its result. Called at most once. */
  settled(call: RunningCall, result: ResultStep): void;
  /** It has returned after it was given up. Called at most once, after `settled`. */
  late(result: ResultStep): void;
  /** Its error ends the execution. Called at most once, in place of `settled`. */
  failed(call: RunningCall, error: SluiceError): void;
  /** It waits for decisions. Called at most once, in place of `settled`. */
  waits(call: RunningCall, pending: readonly PendingCall[]): void;
  progress(call: RunningCall, data: unknown): void;
  /** The steps of what runs inside a call. */
  under(callId: string, span: Span): TurnSteps;
}

/** Why a call is cancelled. */
export type Cancelled = 'sibling' | 'end';

/** How long a cancelled call may take to settle before it is given up, in milliseconds. */
export const GRACE_MS = 1_000;

/** One run of a tool. It settles once, whatever the tool does. */
export class RunningCall {
  readonly ready: ReadyCall;
  readonly #owner: CallOwner;
  readonly #span: SpanHandle;
  #controller = new AbortController();
  #timer: Timer | undefined;
  #cancelled: Cancelled | undefined;
  #isOver = false;
  #retried = false;
  /** What is known of its first run, until its second one starts. */
  #between: { readonly text: string; readonly errorCode: string } | undefined;

  constructor(ready: ReadyCall, owner: CallOwner) {
    this.ready = ready;
    this.#owner = owner;
    const { call, tool } = ready;
    const { trace } = owner.settings;
    this.#span = owner.context.trace.span('tool', call.name, {
      callId: call.id,
      ...(trace.arguments && { arguments: argumentsFor(call, tool) }),
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether its first run was given up, and its second one has not started. */
  get isBetween(): boolean {
    return this.#between !== undefined;
  }

  start(): void {
    if (this.#isOver) return;
    this.#between = undefined;
    const { tool, run, input } = this.ready;
    const controller = this.#controller;
    const { timeoutMs } = tool;
    if (timeoutMs !== undefined) {
      this.#timer = new Timer(() => this.#timedOut(timeoutMs));
      this.#timer.start(timeoutMs);
    }
    // A second run of the same call has a signal of its own: what the first one still says is not heard.
    const isHeard = (): boolean => !this.#isOver && this.#controller === controller;
    const steps = (): TurnSteps => this.#owner.under(this.ready.call.id, this.#span.span);
    run(input, this.#run(controller.signal), steps).then(
      (returned) => {
        if (isHeard()) this.#returned(returned);
        else this.#returnedLate(returned);
      },
      (thrown: unknown) => {
        if (isHeard()) this.#threw(thrown);
        else this.#span.set({ late: 'failed' });
      },
    );
  }

  /** Aborts its signal. It settles when the tool does, or after a second. */
  cancel(why: Cancelled, reason: unknown): void {
    if (this.#isOver || this.#cancelled !== undefined) return;
    this.#cancelled = why;
    this.#timer?.stop();
    this.#controller.abort(reason);
    if (this.#between !== undefined) {
      this.#unknown(this.#between.text, this.#between.errorCode);
      return;
    }
    // The runtime bounds the wait of an execution that ends.
    if (why === 'end') return;
    this.#timer = new Timer(() => this.#gaveUp());
    this.#timer.start(GRACE_MS);
  }

  #run(signal: AbortSignal): ToolRun {
    const { context, turnId } = this.#owner;
    const { id } = this.ready.call;
    return {
      signal,
      callId: id,
      idempotencyKey: `${turnId}/${id}`,
      session: context.session,
      approval: this.ready.approval,
      log: context.log,
      progress: (data) => {
        if (this.#isOver || this.#cancelled !== undefined || signal.aborted) return;
        this.#owner.progress(this, plainCopy(data));
      },
    };
  }

  #returned(returned: unknown): void {
    if (returned instanceof Unfinished) {
      this.#stays(returned);
      return;
    }
    this.#settle(normalResult(returned, this.#maxCharacters), (isError) => (isError ? 'failed' : 'done'));
  }

  /** The model has been told that nobody knows the outcome, and that stands. */
  #returnedLate(returned: unknown): void {
    // What waits inside is found when the turn goes on.
    if (returned instanceof Unfinished) return;
    const result = normalResult(returned, this.#maxCharacters);
    const outcome = result.isError ? 'failed' : 'done';
    this.#span.set({ late: outcome });
    // While a second run goes on, it is not given up.
    const { id: callId } = this.ready.call;
    if (this.#isOver) this.#owner.late({ kind: 'result', callId, ...result, outcome, late: true });
  }

  /** It has no result. */
  #stays({ why }: Unfinished): void {
    if ('pending' in why) {
      this.#end('interrupted', undefined);
      this.#owner.waits(this, why.pending);
      return;
    }
    this.#end('failed', why.error.code);
    this.#owner.failed(this, why.error);
  }

  #threw(thrown: unknown): void {
    if (this.#cancelled !== undefined) {
      this.#unknown(CANCELLED);
      return;
    }
    if (isUnknownOutcome(thrown)) {
      this.#lost(`The tool failed: ${scrub(messageOf(thrown))} ${UNKNOWN}`, 'tool');
      return;
    }
    const { onError } = this.#owner.settings;
    if (onError === 'return') {
      this.#settle(this.#told(`The tool failed: ${scrub(messageOf(thrown))}`), () => 'failed');
      return;
    }
    if (onError === 'throw') {
      this.#fail(thrown);
      return;
    }
    try {
      const said = normalResult(onError(thrown, this.ready.call), this.#maxCharacters);
      this.#settle({ ...said, isError: true }, () => 'failed');
    } catch (again) {
      this.#fail(again);
    }
  }

  #timedOut(timeoutMs: number): void {
    const error = new SluiceError('timeout', `The tool took longer than ${timeoutMs} ms.`, {
      phase: 'total',
    });
    this.#controller.abort(error);
    this.#lost(`The tool took longer than ${timeoutMs} ms and was stopped. ${UNKNOWN}`, 'timeout');
  }

  /** It may have taken effect. It is run once more if that does no harm. */
  #lost(text: string, errorCode: string): void {
    const mayRetry = this.ready.tool.onUnknownOutcome === 'retry' && !this.#retried;
    this.#timer?.stop();
    if (!mayRetry || !this.#owner.again(this)) {
      this.#unknown(text, errorCode);
      return;
    }
    this.#retried = true;
    this.#between = { text, errorCode };
    this.#controller = new AbortController();
  }

  #gaveUp(): void {
    const { context } = this.#owner;
    context.warn(`The tool ${this.ready.tool.name} ignored its signal for ${GRACE_MS} ms and was given up.`);
    this.#unknown(CANCELLED);
  }

  /** Nobody knows what it has done: somebody is asked, or the model is told. */
  #unknown(text: string, errorCode?: string): void {
    if (this.ready.tool.onUnknownOutcome !== 'ask' || !this.#owner.canWait) {
      this.#settle(this.#told(text), () => 'unknown', errorCode);
      return;
    }
    this.#span.set({ result: 'unknown' });
    this.#end(this.#cancelled === undefined ? 'failed' : 'cancelled', errorCode);
    this.#owner.waits(this, [unknownCall(this.ready, text)]);
  }

  #settle(result: NormalResult, outcomeOf: (isError: boolean) => CallOutcome, errorCode?: string): void {
    if (this.#isOver) return;
    const outcome = outcomeOf(result.isError);
    const { trace } = this.#owner.settings;
    this.#span.set({ result: outcome });
    if (trace.results) this.#span.set({ content: textOfResult(result.content) });
    const cancelled = this.#cancelled !== undefined && outcome === 'unknown';
    this.#end(outcome === 'done' ? 'completed' : cancelled ? 'cancelled' : 'failed', errorCode);
    const { call, note } = this.ready;
    const content = note === undefined ? result.content : noted(note, result.content, this.#maxCharacters);
    this.#owner.settled(this, { kind: 'result', callId: call.id, ...result, content, outcome });
  }

  #fail(thrown: unknown): void {
    this.#end('failed', 'tool');
    const { name } = this.ready.tool;
    this.#owner.failed(this, toolError(`The tool ${name} failed: ${scrub(messageOf(thrown))}`, thrown));
  }

  #end(outcome: Outcome, errorCode: string | undefined): void {
    this.#isOver = true;
    this.#timer?.stop();
    this.#span.end({ outcome, errorCode });
  }

  #told(text: string): NormalResult {
    return errorResult(text, this.#maxCharacters);
  }

  get #maxCharacters(): number {
    return this.#owner.settings.maxResultCharacters;
  }
}

/** What a span contains of the arguments. */
function argumentsFor(call: ToolCallPart, { redact }: Tool): string {
  if (redact === undefined) return JSON.stringify(call.arguments);
  return JSON.stringify(call.arguments, (key, value: unknown) =>
    redact.has(key.toLowerCase()) ? '***' : value,
  );
}

/** An error that a tool or a function of the user ends the execution with. It is never retried: tools may have run. */
export function toolError(message: string, cause?: unknown): SluiceError {
  if (isSluiceError(cause) && cause.code === 'tool') return cause;
  return new SluiceError('tool', message === '' ? kindOfThrown(cause) : message, { cause, retryable: false });
}
