import { Accumulator } from '../accumulator.ts';
import { LayerRun } from './layer-run.ts';
import type { ExecutionChunk, StampedChunk, StreamChunk } from '../chunks.ts';
import type { ExecutionEnd } from '../context.ts';
import { SluiceError } from '../errors.ts';
import { ChunkJoiner } from './chunk-joiner.ts';
import type { Execution } from './execution.ts';
import type { Layer } from './layer.ts';
import type { Message } from '../messages.ts';
import type { Partial as PartialReply } from '../partial.ts';
import type { ModelRequest, Reply } from '../request.ts';
import type { ExecutionResult, Outcome } from '../result.ts';
import { isSluiceError } from '../errors.ts';
import { middlewareError } from '../middleware-error.ts';
import { end, isEnd } from '../stream/source.ts';
import type { PushSource, Receiver, Pulled } from '../stream/source.ts';
import { chainOf } from '../stream/pump.ts';
import type { Reader } from '../stream/read-queue.ts';
import { LONGEST_TIMER_MS } from './timer.ts';
import type { Turn } from '../session/turn.ts';

/** What one execution needs of its pipeline. */
export interface ExecutionSetup {
  execution: Execution;
  stack: Layer;
  /** The request without its messages' history. */
  request: ModelRequest;
  signal: AbortSignal | undefined;
  /** The limits that count from the start; 0 and undefined: none. */
  timeoutsMs: readonly (number | undefined)[];
  /** Milliseconds since the epoch. */
  deadline: number | undefined;
  /** Waits for a slot; what it returns gives it back. */
  slot(this: void, signalOf: () => AbortSignal): Promise<() => void>;
  /** Waits for the session and loads it; undefined where there is none. */
  turn: ((signal: AbortSignal) => Promise<Turn>) | undefined;
  /** Called when it starts and ends, for the pipeline's shutdown. */
  started(this: void): void;
  finished(this: void): void;
}

/** Where an execution meets its consumer: it stamps, accumulates, settles the outcome and makes the result. */
export class ExecutionSource implements PushSource<ExecutionChunk, ExecutionResult> {
  readonly execution: Execution;
  readonly accumulator = new Accumulator();
  readonly #joiner = new ChunkJoiner();
  readonly #settings: ExecutionSetup;
  /** Of what it waits for before it runs, made on first use. */
  #waiting: AbortController | undefined;
  #closed: SluiceError | undefined;
  #receiver: Receiver<ExecutionChunk, ExecutionResult> | undefined;
  #root: LayerRun | undefined;
  #turn: Turn | undefined;
  /** Gives back what was waited for: the session, the slot. Undefined when that has been done. */
  #held: readonly (() => void)[] | undefined = [];
  #stage: 'new' | 'running' | 'done' = 'new';
  #finishing: Promise<void> | undefined;
  #result: ExecutionResult | undefined;
  /** What of the turn could not be stored. */
  #unsaved: Message[] | undefined;
  #reply: Reply | undefined;
  #index = 0;
  #startedAt = 0;
  #firstAt: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #guard: ReturnType<typeof setTimeout> | undefined;
  /** Ends the stream from a signal or timer. Set by the stream. */
  onAbort: (error: SluiceError, keep: boolean) => void = () => undefined;

  constructor(settings: ExecutionSetup) {
    this.#settings = settings;
    this.execution = settings.execution;
  }

  request(receiver: Receiver<ExecutionChunk, ExecutionResult>): void {
    this.#receiver = receiver;
    if (this.#stage === 'new') void this.#begin();
    else if (this.#result !== undefined) receiver.pulled(end(this.#result));
    else this.#read();
  }

  /** Torn down from the consumer's side; the outcome has been decided by whoever did it. */
  close(error: SluiceError): Promise<void> {
    this.execution.decide('cancelled', error);
    this.#closed = error;
    this.#waiting?.abort(error);
    return this.#finish();
  }

  partial(): PartialReply {
    return { ...this.accumulator.partial(), usage: this.execution.usage };
  }

  async #begin(): Promise<void> {
    const { signal, deadline, started, stack, request } = this.#settings;
    this.#stage = 'running';
    this.#startedAt = performance.now();
    this.execution.start();
    try {
      started();
      if (signal?.aborted === true) throw cancelled(signal.reason);
      signal?.addEventListener('abort', this.#onSignal, { once: true });
      if (deadline !== undefined) {
        if (deadline <= Date.now()) throw timeout('queue');
        this.#limit(deadline - Date.now(), 'queue');
      }
      const turn = await this.#settings.turn?.(this.#waitSignal());
      if (turn !== undefined) this.#hold(() => turn.release());
      this.#turn = turn;
      this.#hold(await this.#settings.slot(this.#waitSignal));
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (this.execution.outcome !== undefined) {
      await this.#conclude();
      return;
    }
    this.#startClock();
    this.execution.session = this.#turn?.view;
    const messages = Object.freeze([...(this.#turn?.messages ?? request.messages)]);
    const top = this.#turn?.replay?.layer ?? stack;
    this.#root = new LayerRun(this.execution, top, { ...request, messages }, undefined);
    this.#read();
  }

  readonly #waitSignal = (): AbortSignal => {
    if (this.#waiting === undefined) {
      this.#waiting = new AbortController();
      if (this.#closed !== undefined) this.#waiting.abort(this.#closed);
    }
    return this.#waiting.signal;
  };

  /** What comes when the execution is over already, as from a slow store, is given back at once. */
  #hold(release: () => void): void {
    if (this.#held === undefined) release();
    else this.#held = this.#held.concat(release);
  }

  #startClock(): void {
    const { deadline, timeoutsMs } = this.#settings;
    const limits = timeoutsMs.filter((ms) => ms !== undefined && ms > 0).map((ms) => Date.now() + (ms ?? 0));
    if (deadline !== undefined) limits.push(deadline);
    if (limits.length === 0) return;
    this.execution.deadline = Math.min(...limits);
    this.#limit(this.execution.deadline - Date.now(), 'total');
  }

  #limit(ms: number, phase: 'queue' | 'total'): void {
    clearTimeout(this.#timer);
    const wait = Math.min(Math.max(Math.ceil(ms), 0), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      const error = timeout(phase);
      if (this.execution.decide('failed', error)) this.onAbort(error, true);
    }, wait);
  }

  readonly #onSignal = (): void => {
    const error = cancelled(this.#settings.signal?.reason);
    if (this.execution.decide('cancelled', error)) this.onAbort(error, false);
  };

  #read(): void {
    const { outcome } = this.execution;
    // An interrupted execution is read on: the chunk at which it was interrupted may still be in a generator layer.
    const over = outcome === 'interrupted' ? this.#root?.end !== undefined : outcome !== undefined;
    if (this.#root === undefined || over) void this.#conclude();
    else chainOf(this.#root).wait(this.#reader);
  }

  readonly #reader: Reader<StreamChunk, Reply> = {
    batch: (pulled) => this.#onBatch(pulled),
    reject: (error) => this.#failed(error),
  };

  #onBatch(pulled: Pulled<StreamChunk, Reply>): void {
    if (isEnd(pulled)) {
      const rest = this.execution.decide('completed') ? this.#joiner.end() : [];
      this.#reply = this.execution.outcome === 'completed' ? pulled.reply : undefined;
      if (rest.length > 0) this.#deliver(rest);
      else void this.#conclude();
      return;
    }
    const current = this.execution.interrupted ? pulled.filter((chunk) => this.#isCurrent(chunk)) : pulled;
    let batch: readonly StreamChunk[];
    try {
      batch = this.#joiner.join(current);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (batch.length === 0) this.#read();
    else this.#deliver(batch);
  }

  #deliver(batch: readonly StreamChunk[]): void {
    this.#firstAt ??= performance.now();
    this.#stamp(batch);
    this.#receiver?.pulled(batch);
  }

  /** After an interrupt: whether a chunk was on its way before it. What a layer adds now has no call. */
  #isCurrent(chunk: StreamChunk): boolean {
    return (chunk.call ?? 0) > 0 || this.execution.deliveredBatch.includes(chunk);
  }

  /** Keeps and numbers the chunks, in place: they belong to this execution. */
  #stamp(batch: readonly StreamChunk[]): asserts batch is readonly StampedChunk[] {
    for (const chunk of batch) {
      this.accumulator.add(chunk);
      chunk.call ??= 0;
      chunk.index = this.#index++;
    }
  }

  #failed(error: unknown): void {
    const mine = isSluiceError(error)
      ? ownError(error)
      : middlewareError('pipeline', 'failed (see the cause).', error);
    this.execution.decide(mine.code === 'aborted' ? 'cancelled' : 'failed', mine);
    void this.#conclude();
  }

  /** Once the outcome is decided: settles everything, then answers with the last chunk or the error. */
  async #conclude(): Promise<void> {
    await this.#finish();
    const { outcome, error } = this.execution;
    if (this.#result === undefined) {
      this.#receiver?.failed(error ?? new SluiceError('aborted', `The execution was ${outcome}.`));
    } else {
      this.#receiver?.pulled([{ type: 'done', result: this.#result, call: 0, index: this.#index++ }]);
    }
  }

  /** After an interrupt: reads on at once, and frees a layer that holds the last chunk back. */
  halt(readOn: () => void): void {
    this.#guard = setTimeout(() => {
      void this.#root?.cancel(new SluiceError('aborted', 'The execution was interrupted.'));
    }, this.execution.closeTimeoutMs);
    readOn();
  }

  #finish(): Promise<void> {
    this.#finishing ??= this.#finishOnce();
    return this.#finishing;
  }

  async #finishOnce(): Promise<void> {
    const { execution } = this;
    clearTimeout(this.#timer);
    this.#settings.signal?.removeEventListener('abort', this.#onSignal);
    if (this.#root !== undefined && this.#root.end === undefined) {
      await this.#root.cancel(
        execution.error ?? new SluiceError('aborted', `The execution was ${execution.outcome}.`),
      );
    }
    clearTimeout(this.#guard);
    const times = {
      latencyMs: performance.now() - this.#startedAt,
      ...(this.#firstAt !== undefined && { timeToFirstChunkMs: this.#firstAt - this.#startedAt }),
    };
    const ended = await execution.end(times);
    const replies = this.accumulator.messages();
    const whole = ended.outcome === 'completed';
    const messages = whole ? replies : replies.map(marked);
    const { outcome, reason, usage, cost } = ended;
    this.#unsaved = await this.#turn?.finish({
      ...{ outcome, reason, usage, cost, messages, finishReason: this.#reply?.finishReason },
      ...this.#answerer(),
    });
    execution.turnStored(this.#unsaved === undefined);
    this.#held?.forEach((release) => release());
    this.#held = undefined;
    this.#settings.finished();
    if (execution.error !== undefined) execution.error.partial = this.partial();
    if (ended.outcome === 'completed' || ended.outcome === 'interrupted') {
      this.#result = this.#resultOf(ended, ended.outcome, [...this.#settings.request.messages, ...messages]);
    }
    this.#stage = 'done';
  }

  #resultOf(
    ended: ExecutionEnd,
    outcome: Extract<Outcome, 'completed' | 'interrupted'>,
    messages: Message[],
  ): ExecutionResult {
    const { execution, accumulator } = this;
    const { usage, cost } = this.#turn?.replay ?? ended;
    const { latencyMs, timeToFirstChunkMs } = ended;
    return {
      id: execution.id,
      outcome,
      ...(execution.reason !== undefined && { reason: execution.reason }),
      response: {
        content: accumulator.content,
        thinking: accumulator.thinking,
        toolCalls: accumulator.toolCalls,
        finishReason: this.#reply?.finishReason ?? 'other',
        parts: accumulator.parts,
      },
      messages,
      usage,
      cost,
      // Copies: what an abandoned layer still does must not change a result that was given away.
      trace: execution.trace.spans.map((span) => ({ ...span, attributes: { ...span.attributes } })),
      warnings: [...execution.warnings],
      latencyMs,
      ...(timeToFirstChunkMs !== undefined && { timeToFirstChunkMs }),
      ...this.#answerer(),
      ...(this.#turn !== undefined && { sessionId: this.#turn.view.id }),
      ...(this.#turn?.replay !== undefined && { replayed: true }),
      ...(this.#unsaved !== undefined && { unsaved: this.#unsaved }),
      metadata: execution.metadata,
      ...(execution.raw.length > 0 && { raw: execution.raw }),
    };
  }

  /** Who answered, as far as that is known. */
  #answerer(): Pick<ExecutionResult, 'provider' | 'model'> {
    const last = this.execution.calls.at(-1);
    const provider = this.#reply?.provider ?? last?.provider;
    const model = this.#reply?.model ?? last?.model;
    return { ...(provider !== undefined && { provider }), ...(model !== undefined && { model }) };
  }
}

function marked(message: Message): Message {
  return { ...message, partial: true };
}

function cancelled(reason: unknown): SluiceError {
  if (isSluiceError(reason) && reason.code !== 'aborted') return copyOf(reason);
  return new SluiceError('aborted', 'The execution was aborted by its signal.', { cause: reason });
}

function timeout(phase: 'queue' | 'total'): SluiceError {
  const what = phase === 'queue' ? 'still waited for its turn' : 'was not done';
  return new SluiceError('timeout', `The execution ${what} when its time was over.`, { phase });
}

/** Errors that an execution has put its partial on. */
const owned = new WeakSet<SluiceError>();

/** The error for one execution alone: what was received by one must not show in the error of another that meets the same object. */
function ownError(error: SluiceError): SluiceError {
  const mine = owned.has(error) || !Object.isExtensible(error) ? copyOf(error) : error;
  owned.add(mine);
  return mine;
}

function copyOf(error: SluiceError): SluiceError {
  const { status, provider, requestId, retryAfterMs, attempts, phase, middleware, retryable } = error;
  const details = { status, provider, requestId, retryAfterMs, attempts, phase, middleware, retryable };
  return new SluiceError(error.code, error.message, { ...details, cause: error });
}
