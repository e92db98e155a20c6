import { Accumulator } from '../accumulator.ts';
import type { ExecutionEnd } from '../context.ts';
import type { ExecutionChunk, StampedChunk, StreamChunk } from '../chunks.ts';
import { SluiceError, isSluiceError } from '../errors.ts';
import { Timer } from '../kit/timer.ts';
import type { Message } from '../messages.ts';
import { middlewareError } from '../middleware-error.ts';
import { cutShort, withHeld } from '../partial.ts';
import type { Partial as PartialReply } from '../partial.ts';
import { OutputError } from '../output/output-error.ts';
import type { RequestedOutput } from '../output/requested.ts';
import type { ModelRequest, Reply } from '../request.ts';
import type { ExecutionResult } from '../result.ts';
import { chainOf } from '../stream/pump.ts';
import type { BatchReader } from '../stream/read-queue.ts';
import { end, isEnd } from '../stream/source.ts';
import type { Pulled, PushSource, Receiver } from '../stream/source.ts';
import type { StreamEnd } from '../stream/tap.ts';
import { Admission } from './admission.ts';
import type { AdmissionSetup } from './admission.ts';
import { placed } from './chunk-copies.ts';
import { ChunkJoiner } from './chunk-joiner.ts';
import type { Execution } from './execution.ts';
import { replayLayer } from './layer.ts';
import type { Layer } from './layer.ts';
import { LayerRun } from './layer-run.ts';
import { errorOfThisExecution } from './own-error.ts';
import { modelThatAnswered, resultOf } from './result-of.ts';

/** What one execution needs of its pipeline. */
export interface ExecutionSetup extends AdmissionSetup {
  stack: Layer;
  /** What is sent before all messages, and not stored. */
  system: readonly Message[];
  /** The request. The messages of a session are not in it. */
  request: ModelRequest;
  /** Called when the execution starts, for the pipeline's shutdown. May throw to refuse it. */
  started(this: void): void;
  /** Called when it has given back all that it held. */
  finished(this: void): void;
}

/**
 * What the stream of an execution reads. It has the execution admitted, reads the outermost layer, numbers and keeps the chunks, cleans
 * up once the end is decided, and makes the result.
 */
export class ExecutionSource
  implements PushSource<ExecutionChunk, ExecutionResult>, BatchReader<StreamChunk, Reply>
{
  readonly execution: Execution;
  readonly #setup: ExecutionSetup;
  readonly #admission: Admission;
  readonly #accumulator = new Accumulator();
  readonly #joiner = new ChunkJoiner();
  #state: 'new' | 'admitting' | 'running' | 'ending' | 'ended' = 'new';
  #receiver: Receiver<ExecutionChunk, ExecutionResult> | undefined;
  /** The run of the outermost layer. */
  #root: LayerRun | undefined;
  #reply: Reply | undefined;
  #result: ExecutionResult | undefined;
  #cleanup: Promise<void> | undefined;
  #interruptTimer: Timer | undefined;
  /** Whether the chunk at which it was interrupted has been delivered. */
  #lastDelivered = false;
  #index = 0;
  #startedAt = 0;
  #firstChunkAt: number | undefined;

  constructor(setup: ExecutionSetup) {
    this.#setup = setup;
    this.execution = setup.execution;
    this.#admission = new Admission(setup);
  }

  /** The output that it was asked for. */
  get output(): RequestedOutput | undefined {
    return this.#setup.request.output;
  }

  /** What has come so far. */
  partial(): PartialReply {
    return { ...this.#accumulator.partial(), ...this.execution.soFar };
  }

  request(receiver: Receiver<ExecutionChunk, ExecutionResult>): void {
    this.#receiver = receiver;
    if (this.#state === 'new') void this.#start();
    else if (this.#result !== undefined) receiver.pulled(end(this.#result));
    else if (this.#state === 'running') this.#read();
    else void this.#deliverEnd();
  }

  /** How it has ended, if it has a result. */
  get decidedEnd(): StreamEnd<ExecutionResult> | undefined {
    const { ending } = this.execution;
    if (ending === undefined || ending.error !== undefined || this.#result === undefined) return undefined;
    return { outcome: ending.outcome, reply: this.#result };
  }

  /** The stream ends early. If nobody has decided how the execution ends, its consumer has cancelled it. */
  close(error: SluiceError): Promise<void> {
    this.execution.end('cancelled', error, 'drop');
    this.#admission.refuse(error);
    return this.#cleanUp();
  }

  /** Stops the calls of an interrupted execution. A layer that still holds the last chunk back then has `closeTimeoutMs`. */
  interrupted(): void {
    this.execution.stopCalls();
    this.#interruptTimer = new Timer(() => {
      void this.#root?.stop(new SluiceError('aborted', 'The execution was interrupted.'), 'drop');
    });
    this.#interruptTimer.start(this.execution.closeTimeoutMs);
  }

  // The start.

  async #start(): Promise<void> {
    const { execution } = this;
    this.#state = 'admitting';
    this.#startedAt = performance.now();
    execution.start();
    try {
      this.#setup.started();
      await this.#admission.enter();
    } catch (error) {
      this.#failed(error);
      return;
    }
    // Over before it was let in: whoever ended it cleans up.
    if (execution.ending !== undefined) return;
    const { turn } = this.#admission;
    const { request, stack, system } = this.#setup;
    if (turn !== undefined) execution.session = turn.view;
    if (turn?.record !== undefined) execution.keepSteps(turn.record);
    const messages = Object.freeze([...system, ...(turn?.messages ?? request.messages)]);
    const replay = turn?.replay?.layer;
    const layer =
      replay === undefined ? stack : this.output === undefined ? replay : replayLayer(replay, stack);
    this.#root = new LayerRun(execution, layer, { ...request, messages }, undefined);
    this.#state = 'running';
    this.#read();
  }

  // Reading.

  #read(): void {
    const root = this.#root;
    // An interrupted execution is read on: a generator may still hold the chunk at which it was interrupted.
    if (root === undefined || (root.end !== undefined && this.execution.interrupted)) void this.#deliverEnd();
    else if (this.#admission.inside === undefined) chainOf(root).wait(this);
    else this.#admission.inside(() => chainOf(root).wait(this));
  }

  /** The outermost layer gave chunks, or its end. */
  batch(pulled: Pulled<StreamChunk, Reply>): void {
    if (isEnd(pulled)) this.#rootEnded(pulled.reply);
    else this.#deliver(pulled);
  }

  /** The outermost layer failed. */
  reject(error: unknown): void {
    this.#failed(error);
  }

  #deliver(pulled: readonly StreamChunk[]): void {
    const current = this.execution.interrupted ? this.#currentOf(pulled) : pulled;
    let batch: readonly StreamChunk[];
    try {
      batch = this.#joiner.join(current);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (batch.length === 0) this.#read();
    else this.#stampAndDeliver(batch);
  }

  /**
   * After an interrupt: the chunks that were on their way before it. A chunk that a layer adds now has the number 0. Nothing follows the chunk
   * at which a tap interrupted, although a layer in between may have read more.
   */
  #currentOf(pulled: readonly StreamChunk[]): readonly StreamChunk[] {
    if (this.#lastDelivered) return [];
    const last: unknown = this.execution.deliveredBatch.at(-1);
    const at = pulled.findIndex((chunk) => chunk === last);
    this.#lastDelivered = at >= 0;
    return (at < 0 ? pulled : pulled.slice(0, at + 1)).filter((chunk) => chunk.call !== 0);
  }

  #stampAndDeliver(batch: readonly StreamChunk[]): void {
    const root = this.#root;
    const isOurs = root !== undefined && chainOf(root).copies;
    let stamped: readonly StampedChunk[];
    if (isOurs) {
      this.#stamp(batch);
      stamped = batch;
    } else {
      stamped = this.#copies(batch);
    }
    if (this.#firstChunkAt === undefined) {
      this.#firstChunkAt = performance.now();
      this.#nameTurn(stamped[0]);
    }
    this.#receiver?.pulled(stamped);
  }

  /** Tells the consumer with the first chunk which turn this is: it may not have named it. */
  #nameTurn(first: ExecutionChunk | undefined): void {
    const { turn } = this.#admission;
    if (turn !== undefined && first !== undefined) first.turnId = turn.id;
  }

  /** Chunks that a layer may still hold are delivered as copies. */
  #copies(batch: readonly StreamChunk[]): StampedChunk[] {
    const first = batch[0];
    // A generator gives its chunks one by one: a closure for each would cost more than the chunk.
    if (first !== undefined && batch.length === 1) return [this.#copy(first)];
    return batch.map((chunk) => this.#copy(chunk));
  }

  #copy(chunk: StreamChunk): StampedChunk {
    this.#accumulator.add(chunk);
    return placed(chunk, this.#index++);
  }

  /** Keeps the chunks and says their places, in place: nobody else holds them. */
  #stamp(batch: readonly StreamChunk[]): asserts batch is readonly StampedChunk[] {
    // Not with an iterator, which would be made anew for each batch.
    let at = 0;
    while (at < batch.length) {
      const chunk = batch[at++];
      if (chunk === undefined) continue;
      this.#accumulator.add(chunk);
      chunk.index = this.#index++;
    }
  }

  // The end.

  #rootEnded(reply: Reply): void {
    const unclaimed = this.execution.openRecord?.unclaimed;
    if (unclaimed !== undefined) return this.#failed(unclaimed);
    const waits = this.#waitsForCaller(reply);
    if (waits === 'failed') return this.#failed(noOutputError());
    if (waits ? !this.execution.interruptedBy('tool_calls') : !this.execution.complete(reply)) {
      if (this.execution.interrupted) void this.#deliverEnd();
      return;
    }
    this.#reply = reply;
    const rest = this.#joiner.end();
    this.#state = 'ending';
    if (rest.length > 0) this.#stampAndDeliver(rest);
    else void this.#deliverEnd();
  }

  /** Whether an output was asked for and the reply calls tools of the caller instead. `failed`: it has neither. */
  #waitsForCaller(reply: Reply): boolean | 'failed' {
    if (this.output === undefined || reply.output !== undefined || this.execution.ending !== undefined)
      return false;
    if ((reply.pending?.length ?? 0) > 0) return false;
    return this.#accumulator.toolCalls.some((call) => call.providerExecuted !== true) ? true : 'failed';
  }

  #failed(error: unknown): void {
    const mine = isSluiceError(error)
      ? errorOfThisExecution(error)
      : middlewareError('pipeline', 'failed (see the cause).', error);
    const isFirst = this.execution.end(mine.code === 'aborted' ? 'cancelled' : 'failed', mine);
    if (!isFirst && this.execution.interrupted) void this.#deliverEnd();
  }

  /** Answers with the last chunk. Only a completed or interrupted execution has one: any other end stops the stream. */
  async #deliverEnd(): Promise<void> {
    this.#state = 'ending';
    await this.#cleanUp();
    if (this.#result === undefined) return;
    const done: ExecutionChunk = { type: 'done', result: this.#result, call: 0, index: this.#index++ };
    if (done.index === 0) this.#nameTurn(done);
    this.#receiver?.pulled([done]);
  }

  #cleanUp(): Promise<void> {
    this.#cleanup ??= this.#cleanUpOnce();
    return this.#cleanup;
  }

  /** In this order: the layers, the hooks, the stored turn, session and slot, the pipeline, the result. */
  async #cleanUpOnce(): Promise<void> {
    const { execution } = this;
    this.#admission.stopWatching();
    if (this.#root !== undefined && this.#root.end === undefined) {
      const error = execution.error ?? new SluiceError('aborted', `The execution was ${execution.outcome}.`);
      await this.#root.stop(error, 'drop');
    }
    this.#interruptTimer?.stop();
    const times = {
      latencyMs: performance.now() - this.#startedAt,
      ...(this.#firstChunkAt !== undefined && { timeToFirstChunkMs: this.#firstChunkAt - this.#startedAt }),
    };
    const { inside } = this.#admission;
    const hooks = (): Promise<ExecutionEnd> => execution.runEndHooks(times);
    const ended = await (inside === undefined ? hooks() : inside(hooks));
    const { turn } = this.#admission;
    const given = this.#accumulator.messages();
    const replies = turn?.withSaid(given) ?? given;
    const messages = ended.outcome === 'completed' ? replies : cutShort(replies);
    const { outcome, reason, usage, cost } = ended;
    const unsaved = await turn?.finish({
      ...{ outcome, reason, usage, cost, messages, finishReason: this.#reply?.finishReason },
      ...modelThatAnswered(execution, this.#reply),
      isWaiting: (this.#reply?.pending?.length ?? 0) > 0,
      ...(execution.error?.code === 'lease_lost' && { lost: execution.error }),
    });
    execution.turnStored(unsaved === undefined);
    this.#admission.leave();
    this.#setup.finished();
    if (execution.error !== undefined) {
      execution.error.partial = withHeld(this.partial(), execution.error.partial);
    }
    this.#result = resultOf({
      ...{ execution, accumulator: this.#accumulator, end: ended, reply: this.#reply, turn, unsaved },
      messages: [...this.#setup.request.messages, ...messages],
    });
    this.#state = 'ended';
  }
}

function noOutputError(): OutputError {
  return new OutputError(
    'The reply has no output: a layer above output() has answered by itself, or has made another reply.',
  );
}
