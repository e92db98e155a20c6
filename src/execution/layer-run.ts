import type { StreamChunk } from '../chunks.ts';
import type { Middleware, Next } from '../context.ts';
import { SluiceError, abortedError } from '../errors.ts';
import { abortable } from '../kit/wait.ts';
import { middlewareError } from '../middleware-error.ts';
import { pendingError } from '../pending-call.ts';
import { checkChanges } from '../options.ts';
import { outputPlanOf } from '../output/plan.ts';
import type { AskedOutput } from '../output/plan.ts';
import type { ModelRequest, Reply } from '../request.ts';
import { andThen } from '../stream/owner.ts';
import type { MaybePromise } from '../stream/owner.ts';
import { Segment } from '../stream/segment.ts';
import type { OpenedAs, TappedStream } from '../stream/segment.ts';
import type { MapStamp, Stamp } from '../stream/stamp.ts';
import { Stream } from '../stream/stream.ts';
import { lateTapError } from '../stream/tap.ts';
import type { CallTap, CallTapList, StreamEnd } from '../stream/tap.ts';
import type { CallRecord } from './call-record.ts';
import { ChunkNumbers } from './chunk-numbers.ts';
import type { Execution } from './execution.ts';
import { openBody } from './layer-body.ts';
import { LayerContext } from './layer-context.ts';
import { fold, requestOf } from './layer.ts';
import type { Layer, TerminalOptions } from './layer.ts';

const NONE: readonly LayerRun[] = [];

/** How many middleware may run one another by `context.run` before it is taken for a loop without an end. */
const MAX_NESTED_RUNS = 100;

/** One run of a layer and all below it. `next()` returns the stream of one. The layer's body runs at the first read. */
export class LayerRun extends Segment<StreamChunk, Reply> {
  readonly execution: Execution;
  readonly layer: Layer;
  request: ModelRequest;
  readonly #parent: LayerRun | undefined;
  /** How many times `context.run` was called on the way from the consumer to here. */
  readonly #runs: number;
  /** The runs that this layer's body has started and that have not ended. */
  #children: readonly LayerRun[] = NONE;
  #lastReply: Partial<Reply> | undefined;
  /** Whether the body called `next()` or `run()`. */
  #calledNext = false;
  /** Whether anything of that was read. */
  #readBelow = false;
  /** Who sees the calls made below this stream through a view of it: the tap that was added last. */
  #callTap: CallTapList | undefined;
  #controller: AbortController | undefined;
  #aborted: SluiceError | undefined;
  #call: CallRecord | undefined;
  /** Every number of this run is at least this. Set when it opens. */
  firstNumber = 0;
  /** One number, or several in order: most runs have one. */
  #numbersBelow: number | number[] | undefined;
  /** Made on first use: most layers make no chunks. */
  #numbers: ChunkNumbers | undefined;
  /** The number of what its body read last of runs that have ended. */
  #lastReadOfEnded: number | undefined;

  constructor(
    execution: Execution,
    layer: Layer,
    request: ModelRequest,
    parent: LayerRun | undefined,
    runs = 0,
  ) {
    super(execution, layer.name, parent?.layer.name ?? 'the consumer');
    this.execution = execution;
    this.layer = layer;
    this.request = requestOf(layer, request);
    this.#parent = parent;
    this.#runs = runs;
  }

  /** The signal of this layer, made on first use. */
  get layerSignal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /**
   * Whether it ended without an abort. A body that was abandoned may still call `next()`. The stream that it gets is refused when it is
   * read, and its taps learn of the end, so that a permit taken too late is given back.
   */
  get #endedWithoutAbort(): boolean {
    return this.end !== undefined && this.#aborted === undefined;
  }

  /** What `next()` of this layer does. */
  #next(changes: Parameters<Next>[0]): ReturnType<Next> {
    const { below, name } = this.layer;
    if (this.#endedWithoutAbort)
      throw middlewareError(name, 'called next() after its stream had ended. Call it before you return.');
    if (below === undefined) {
      throw middlewareError(
        name,
        'called next(), but nothing is below it. Put a provider at the end of the stack.',
      );
    }
    this.#calledNext = true;
    const request = this.#changed('next', changes);
    return Stream.over(new LayerRun(this.execution, below, request, this, this.#runs));
  }

  /** `context.run`: another middleware as a layer below this one. */
  runAnother(middleware: Middleware, changes?: Partial<ModelRequest>): Stream<StreamChunk, Reply> {
    const { name, below } = this.layer;
    if (this.#endedWithoutAbort)
      throw middlewareError(name, 'called run() after its stream had ended. Call it before you return.');
    const layer = fold([middleware], below);
    if (layer === undefined) throw middlewareError(name, 'ran an empty stack.');
    if (this.#runs >= MAX_NESTED_RUNS) throw middlewareError(name, runsWithoutEnd(this.layer, layer));
    this.#calledNext = true;
    const request = this.#changed('run', changes);
    return Stream.over(new LayerRun(this.execution, layer, request, this, this.#runs + 1));
  }

  /** The request with this layer's changes. */
  #changed(verb: string, changes: Partial<ModelRequest> | undefined): ModelRequest {
    if (changes === undefined) return this.request;
    try {
      checkChanges(changes, this.request);
    } catch (error) {
      const why = error instanceof Error ? error.message : 'it is not a request';
      throw middlewareError(this.layer.name, `called ${verb}() with a wrong change: ${why}`, error);
    }
    return { ...this.request, ...changes };
  }

  override open(): MaybePromise<OpenedAs<StreamChunk, Reply>> {
    const refused = this.#aborted ?? this.#parent?.refusedBecause ?? this.execution.refusedBecause;
    if (refused !== undefined) throw refused;
    this.#parent?.childStarted(this);
    this.firstNumber = this.execution.lastNumber + 1;
    const { terminal, middleware } = this.layer;
    const context = new LayerContext(this);
    if (terminal !== undefined) {
      const read = this.#askForOutput(terminal);
      const call = this.#startCall(this.takeNumber());
      const send = (): MaybePromise<OpenedAs<StreamChunk, Reply>> =>
        openBody(
          this,
          read === undefined ? terminal.body(context, call) : read(terminal.body(context, call)),
        );
      return call.ready === undefined ? send() : this.#whenReady(call, call.ready, send);
    }
    return openBody(
      this,
      middleware(context, (changes) => this.#next(changes)),
    );
  }

  /** Why a new run below this layer is refused, if it is. */
  get refusedBecause(): SluiceError | undefined {
    if (this.#aborted !== undefined) return this.#aborted;
    return this.end !== undefined
      ? abortedError(undefined, `The attempt of "${this.layer.name}" is over.`)
      : undefined;
  }

  childStarted(child: LayerRun): void {
    this.#readBelow = true;
    this.#children = this.#children.concat(child);
  }

  override signal(error: SluiceError): void {
    // Told once: the chain tells a child that has joined it, too. What is opened later is refused.
    if (this.#aborted !== undefined) return;
    this.#aborted = error;
    this.#controller?.abort(error);
    for (const child of this.#children) child.signal(error);
  }

  override closeOtherRuns(error: SluiceError): MaybePromise<void> {
    const open = this.#children.filter((child) => child.end === undefined);
    if (open.length === 0) return;
    return Promise.all(open.map(async (child) => child.stop(error, 'drop'))).then(() => undefined);
  }

  override conclude(ending: StreamEnd<Reply>): MaybePromise<StreamEnd<Reply>> {
    if (this.#children.length === 0) return this.#concluded(ending);
    return andThen(this.closeOtherRuns(abortedError(undefined, 'Its layer ended without it.')), () =>
      this.#concluded(ending),
    );
  }

  override afterTaps(ending: StreamEnd<Reply>): void {
    const parent = this.#parent;
    if (parent === undefined) return;
    parent.#children = parent.#children.filter((child) => child !== this);
    parent.#lastReadOfEnded = this.lastGiven ?? parent.#lastReadOfEnded;
    if (ending.reply !== undefined) parent.#lastReply = ending.reply;
  }

  override watchesSource(): boolean {
    return this.#call !== undefined;
  }

  override asksSource(): void {
    this.#call?.waits();
  }

  override beforeTaps(came: StreamEnd<Reply>): StreamEnd<Reply> {
    const ending = super.beforeTaps(came);
    const call = this.#call;
    if (call === undefined) return ending;
    this.execution.callEnded(call, ending.reply?.raw);
    for (const warning of call.end(ending)) this.execution.warn(warning);
    return ending;
  }

  #concluded(ending: StreamEnd<Reply>): StreamEnd<Reply> {
    if (ending.outcome !== 'completed') return ending;
    const reply = this.#replyOf(ending.reply);
    if (reply?.usage !== undefined) this.#checkWhoCalled();
    if (reply?.pending !== undefined && reply !== this.#lastReply) {
      const error = pendingError(this.layer.name, reply.pending);
      if (error !== undefined) return { outcome: 'failed', error };
    }
    if (reply !== undefined) return reply === ending.reply ? ending : { outcome: 'completed', reply };
    const message = this.#calledNext
      ? 'returned no reply with a finishReason, and let none through.'
      : 'neither called next() nor returned a reply with a finishReason.';
    return { outcome: 'failed', error: middlewareError(this.layer.name, message) };
  }

  /** The reply of the body over the last one that came from below. */
  #replyOf(said: Partial<Reply> | undefined | void): Reply | undefined {
    const below = this.#lastReply;
    if (said !== undefined && said === below && isReply(said)) return said;
    if (said !== undefined && typeof said !== 'object') return undefined;
    const reply = { ...below, ...said };
    if (isReply(reply)) return reply;
    return this.#readBelow ? { ...reply, finishReason: 'other' } : undefined;
  }

  // The numbers of chunks.

  override isStamped(): boolean {
    return true;
  }

  /** Whose the chunks are that its body gives. */
  override get stamp(): Stamp {
    return this.#call ?? this.#ownNumbers;
  }

  /** Whose the chunks are that the layer above makes of its chunks. */
  override get stampAbove(): MapStamp | undefined {
    const parent = this.#parent;
    return parent === undefined ? undefined : parent.#ownNumbers;
  }

  get #ownNumbers(): ChunkNumbers {
    return (this.#numbers ??= new ChunkNumbers(this));
  }

  takeNumber(): number {
    const number = ++this.execution.lastNumber;
    for (let above = this.#parent; above !== undefined; above = above.#parent) above.#noteNumber(number);
    return number;
  }

  #noteNumber(number: number): void {
    const below = this.#numbersBelow;
    if (below === undefined) this.#numbersBelow = number;
    else if (typeof below === 'number') this.#numbersBelow = [below, number];
    else below.push(number);
  }

  /** From the end, where it nearly always is. */
  gaveOut(number: number): boolean {
    const below = this.#numbersBelow;
    return typeof below === 'number'
      ? below === number
      : below !== undefined && below.lastIndexOf(number) !== -1;
  }

  get numbersBelow(): readonly number[] {
    const below = this.#numbersBelow;
    return typeof below === 'number' ? [below] : (below ?? []);
  }

  /** The number of the chunk from below that its body has read last. */
  get lastRead(): number | undefined {
    for (let at = this.#children.length - 1; at >= 0; at--) {
      const number = this.#children[at]?.lastGiven;
      if (number !== undefined) return number;
    }
    return this.#lastReadOfEnded;
  }

  /** The number of the chunk that was read last of its stream. */
  get lastGiven(): number | undefined {
    const { chain } = this;
    if (chain?.queue.wasRead !== true) return undefined;
    return chain.queue.lastTaken?.call ?? chain.lastNumber;
  }

  /** Usage at the end of a stack most likely is that of a model call, which would be free, and nothing would say so. */
  #checkWhoCalled(): void {
    const { name, below } = this.layer;
    if (below !== undefined || this.#calledNext || this.#call !== undefined) return;
    this.execution.warn(
      `"${name}" answered by itself, so the usage in its reply is not counted. If it calls a model, make it with terminal().`,
    );
  }

  /** Its own taps are in `taps`. */
  override addCallTap(on: TappedStream, tap: CallTap['tap']): void {
    if (this.started) throw lateTapError();
    if (on !== this) this.#callTap = { name: on.tappedBy, tap, before: this.#callTap };
  }

  /** Everyone who sees the calls of this run, the outermost first; of one stream, the tap that was added last. */
  get #callTaps(): CallTap[] {
    const taps: CallTap[] = [];
    for (let tap = this.execution.callTap; tap !== undefined; tap = tap.before) taps.push(tap);
    this.#addCallTaps(taps);
    return taps;
  }

  #addCallTaps(taps: CallTap[]): void {
    if (this.#parent !== undefined) this.#parent.#addCallTaps(taps);
    for (let tap = this.#callTap; tap !== undefined; tap = tap.before) taps.push(tap);
    for (let at = this.taps.length - 1; at >= 0; at--) {
      const tap = this.taps[at];
      if (typeof tap === 'object' && tap.call !== undefined) taps.push({ name: this.tappedBy, tap });
    }
  }

  /** Has the request ask for the output, if one is wanted. Returns how the answer is read, if not as it comes. */
  #askForOutput(terminal: TerminalOptions): AskedOutput['read'] {
    const { output, responseFormat } = this.request;
    // A format for no API: nobody has converted it.
    if (responseFormat?.type === 'json_schema' && responseFormat.dialect === 'other' && output === undefined)
      throw noOutputLayerError();
    if (output === undefined) return undefined;
    const plan = outputPlanOf(output);
    if (plan === undefined) throw noOutputLayerError();
    const asked = plan.ask(this.request, {
      provider: terminal.provider,
      support: terminal.output?.(this.request),
      warn: (message) => this.execution.warn(message),
    });
    this.request = asked.request;
    return asked.read;
  }

  #startCall(number: number): CallRecord {
    const { name, terminal } = this.layer;
    const call = this.execution.newCall(number, this, name, this.request);
    call.provider = terminal?.provider;
    call.model ??= terminal?.model;
    call.source = terminal?.source ?? this.layer.middleware;
    call.server = terminal?.server;
    this.#call = call;
    try {
      call.tell(this.#callTaps);
    } catch (error) {
      call.refused = true;
      throw error;
    }
    return call;
  }

  /** Waits for the observers of a call before anything is sent. Sends nothing if the run has ended by then. */
  async #whenReady<T>(call: CallRecord, ready: Promise<unknown>, send: () => MaybePromise<T>): Promise<T> {
    call.refused = true;
    await abortable(ready, this.layerSignal);
    if (this.#aborted !== undefined) throw this.#aborted;
    call.refused = false;
    return send();
  }
}

function noOutputLayerError(): SluiceError {
  return new SluiceError(
    'invalid_options',
    'options.output: no layer of the pipeline sees to it: put output() of sluice/middleware/output above provider().',
  );
}

function runsWithoutEnd(from: Layer, to: Layer): string {
  const what = from.middleware === to.middleware ? 'itself' : `"${to.name}"`;
  return `called run() with ${what} inside ${MAX_NESTED_RUNS} other runs. Call next() to go on to the layer below, or run another middleware.`;
}

function isReply(reply: Partial<Reply>): reply is Reply {
  return reply.finishReason !== undefined;
}
