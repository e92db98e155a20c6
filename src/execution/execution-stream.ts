import type { ExecutionChunk } from '../chunks.ts';
import type { ExecutionSource } from './execution-source.ts';
import { asSluiceError } from '../middleware-error.ts';
import { SluiceError } from '../errors.ts';
import type { Partial } from '../partial.ts';
import type { ExecutionResult } from '../result.ts';
import type { StreamOwner } from '../stream/owner.ts';
import { chainOf } from '../stream/pump.ts';
import { Segment } from '../stream/segment.ts';
import { isEnd } from '../stream/source.ts';
import type { Pulled } from '../stream/source.ts';
import { Stream } from '../stream/stream.ts';
import { LONGEST_TIMER_MS } from './timer.ts';

/** The segment of one execution. It reads ahead up to `bufferSize` chunks once it has been read. */
class ExecutionSegment extends Segment<ExecutionChunk, ExecutionResult> {
  readonly #source: ExecutionSource;
  readonly #bufferSize: number;

  constructor(source: ExecutionSource, bufferSize: number) {
    // The source bounds its own cleanup: layers by closeTimeoutMs, hooks by their own time.
    const owner: StreamOwner = {
      closeTimeoutMs: LONGEST_TIMER_MS,
      interrupted: false,
      deliveredBatch: [],
      warn: (text) => source.execution.warn(text),
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
}

/** The stream of one execution. */
export class ExecutionStream extends Stream<ExecutionChunk, ExecutionResult> {
  readonly #source: ExecutionSource;
  readonly #segment: Segment<ExecutionChunk, ExecutionResult>;

  constructor(source: ExecutionSource, bufferSize: number) {
    const segment = new ExecutionSegment(source, bufferSize);
    super(segment);
    this.#source = source;
    this.#segment = segment;
    // By a name first: V8 puts a function written behind `x.y =` into old space, where it would keep the whole execution until a full
    // collection.
    const onAbort = (error: SluiceError, keep: boolean): void =>
      void segment.stop(error, keep ? 'keep' : 'drop');
    const onHalt = (): void => source.halt(() => chainOf(segment).read());
    source.onAbort = onAbort;
    source.execution.onHalt = onHalt;
  }

  override get partial(): Partial {
    return this.#source.partial();
  }

  /** Ends the execution as cancelled. If its outcome is settled already, waits for its end. */
  override async close(reason?: unknown): Promise<void> {
    const { execution } = this.#source;
    if (!this.#segment.started || this.ended) return super.close(reason);
    const error = new SluiceError('aborted', 'The execution was closed by its consumer.', { cause: reason });
    // A second close waits for the same teardown; any other outcome has an end of its own.
    if (!execution.decide('cancelled', error) && execution.outcome !== 'cancelled') return this.#settled();
    return super.close(reason);
  }

  /** Ends a running execution because its pipeline shuts down. One whose outcome is settled comes to its end by itself. */
  async shutDown(): Promise<void> {
    const error = new SluiceError(
      'shutting_down',
      'The pipeline was shut down before the execution was done.',
    );
    if (this.#source.execution.decide('failed', error)) await this.#segment.stop(error, 'keep');
  }

  override abort(given: SluiceError): void {
    const error = asSluiceError(given, this.#segment.tappedBy);
    if (this.#source.execution.decide(error.code === 'aborted' ? 'cancelled' : 'failed', error))
      super.abort(error);
  }

  protected override closeError(reason: unknown): SluiceError {
    return this.#source.execution.error ?? super.closeError(reason);
  }

  async #settled(): Promise<void> {
    const read = (): Promise<Pulled<ExecutionChunk, ExecutionResult>> =>
      new Promise((resolve, reject) => chainOf(this.#segment).wait({ batch: resolve, reject }));
    try {
      while (!isEnd(await read()));
    } catch {
      // The outcome was a failure that its reader has been told of.
    }
  }
}

/** Waits for the end of a stream that nobody reads chunk by chunk. */
export async function readToEnd(stream: ExecutionStream): Promise<ExecutionResult> {
  while ((await stream.read()) !== undefined);
  return stream.result;
}
