import type { ExecutionChunk } from '../chunks.ts';
import { SluiceError, reasonIn } from '../errors.ts';
import { asSluiceError } from '../middleware-error.ts';
import type { Partial } from '../partial.ts';
import type { ExecutionResult } from '../result.ts';
import type { MaybePromise, StreamOwner } from '../stream/owner.ts';
import { chainOf } from '../stream/pump.ts';
import { Segment } from '../stream/segment.ts';
import type { TappedStream, Waiting } from '../stream/segment.ts';
import { isEnd } from '../stream/source.ts';
import type { Pulled } from '../stream/source.ts';
import { Stream } from '../stream/stream.ts';
import { lateTapError } from '../stream/tap.ts';
import type { CallTap, StreamEnd } from '../stream/tap.ts';
import type { Execution, Ending } from './execution.ts';
import type { ExecutionSource } from './execution-source.ts';

/** The segment of one execution. Once it has been read, it reads ahead up to `bufferSize` chunks. */
class ExecutionSegment extends Segment<ExecutionChunk, ExecutionResult> {
  readonly #source: ExecutionSource;
  readonly #bufferSize: number;

  constructor(source: ExecutionSource, bufferSize: number) {
    // The source bounds its own cleanup: layers by closeTimeoutMs, hooks by their own time.
    const owner: StreamOwner = {
      closeTimeoutMs: Number.POSITIVE_INFINITY,
      interrupted: false,
      deliveredBatch: [],
      warn: (text) => source.execution.warn(text),
      output: source.output?.forms,
    };
    super(owner, 'execution');
    this.#source = source;
    this.#bufferSize = bufferSize;
  }

  override open(): ExecutionSource {
    return this.#source;
  }

  override wantsMore(buffered: number): boolean {
    return buffered < this.#bufferSize || this.#source.execution.interrupted;
  }

  /** Sees all calls of the execution. */
  override addCallTap(_on: TappedStream, tap: CallTap['tap']): void {
    if (this.started) throw lateTapError();
    const { execution } = this.#source;
    execution.callTap = { name: 'the consumer', tap, before: execution.callTap };
  }

  override get decidedEnd(): StreamEnd<ExecutionResult> | undefined {
    return this.#source.decidedEnd;
  }

  /** An error that a view ends it with is the error of the execution. */
  override stop(error: SluiceError, waiting: Waiting): MaybePromise<void> {
    if (this.started && error.code !== 'aborted') this.#source.execution.end('failed', error, waiting);
    return super.stop(error, waiting);
  }

  /** Does what follows from the end of the execution, as soon as that is decided. */
  executionEnds({ error, waiting }: Ending): void {
    if (error !== undefined) void this.stop(error, waiting);
    if (!this.#source.execution.interrupted) return;
    this.#source.interrupted();
    chainOf(this).read();
  }
}

/** The stream of one execution. Whatever ends it asks the execution first: see `Execution.end()`. */
export class ExecutionStream extends Stream<ExecutionChunk, ExecutionResult> {
  readonly #execution: Execution;
  readonly #source: ExecutionSource;
  readonly #segment: ExecutionSegment;

  constructor(source: ExecutionSource, bufferSize: number) {
    const segment = new ExecutionSegment(source, bufferSize);
    super(segment);
    this.#execution = source.execution;
    this.#source = source;
    this.#segment = segment;
    // By a name first: V8 puts a function written behind `x.y =` into old space, where it would keep the whole execution until a full
    // collection.
    const onEnding = (ending: Ending): void => segment.executionEnds(ending);
    source.execution.onEnding = onEnding;
  }

  override get partial(): Partial {
    return this.#source.partial();
  }

  /** Ends the execution as cancelled. If its end is decided already, waits for that. */
  override async close(reason?: unknown): Promise<void> {
    // Never read: there is no execution to end.
    if (!this.#segment.started || this.ended) return super.close(reason);
    const error = new SluiceError('aborted', 'The execution was closed by its consumer.', {
      cause: reason,
      reason: reasonIn(reason),
    });
    const isCancelled =
      this.#execution.end('cancelled', error, 'drop') || this.#execution.outcome === 'cancelled';
    // A second close waits for the same cleanup. Any other outcome has an end of its own, which a view may be reading on to.
    if (isCancelled || this.#segment.isHandedOn) await super.close(reason);
    else await this.#readToEnd();
  }

  /** Ends the execution because its pipeline shuts down. If its end is decided already, it comes to it by itself. */
  async shutDown(): Promise<void> {
    const error = new SluiceError(
      'shutting_down',
      'The pipeline was shut down before the execution was done.',
    );
    if (this.#execution.end('failed', error)) await this.#segment.stop(error, 'keep');
  }

  override abort(given: SluiceError): void {
    const error = asSluiceError(given, this.#segment.tappedBy);
    this.#execution.end(error.code === 'aborted' ? 'cancelled' : 'failed', error);
  }

  protected override closeError(reason: unknown): SluiceError {
    return this.#execution.error ?? super.closeError(reason);
  }

  async #readToEnd(): Promise<void> {
    const chain = chainOf(this.#segment);
    const pull = (): Promise<Pulled<ExecutionChunk, ExecutionResult>> =>
      new Promise((resolve, reject) => chain.wait({ batch: resolve, reject }));
    try {
      while (!isEnd(await pull()));
    } catch {
      // Its reader has got the error.
    }
  }
}

/** Waits for the end of a stream that nobody reads chunk by chunk. */
export async function readToEnd(stream: ExecutionStream): Promise<ExecutionResult> {
  while ((await stream.read()) !== undefined);
  return stream.result;
}
