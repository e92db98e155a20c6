import { SluiceError } from '../../src/index.ts';
import { scrub, Timer } from '../../src/kit/index.ts';
import type { ExecutionOptions, ExecutionResult, Logger, StreamEnd } from '../../src/index.ts';
import { RequestError } from '../requests/request-error.ts';
import { liveStream } from '../stream/live.ts';
import type { PipelineStream } from '../stream/live.ts';
import { endOfError, endOfResult } from '../stream/sent-end.ts';
import type { SentEnd } from '../stream/parts.ts';
import type { SentStream } from '../stream/sent-stream.ts';
import type { Caller } from '../callers/caller.ts';
import type { CallerCounts } from '../callers/caller-limits.ts';
import { CountedStream } from './counted-stream.ts';
import type { Metrics } from './metrics.ts';
import type { PipelineTable, Served } from './pipelines.ts';

/** A turn that a client asks for. */
export interface TurnRequest {
  served: Served;
  caller: Caller;
  /** The owner of the stream, and of the session if there is one. */
  owner: string;
  session: { owner: string; id: string } | undefined;
  /** The id of the turn and of its stream. */
  turnId: string;
  /** The server's id of the request. */
  requestId: string;
  /** The model as the client asked for it. */
  model?: string | undefined;
  options: ExecutionOptions;
  /** Starts it. */
  open: (options: ExecutionOptions) => PipelineStream;
}

/** What turns are counted with. */
export interface TurnsSettings {
  table: PipelineTable;
  counts: CallerCounts;
  metrics: Metrics;
  log: Logger;
  showsTrace: boolean;
}

/** Starts turns, counts what they use, and knows which ones run. */
export class Turns {
  readonly #running = new Map<PipelineStream, TurnRequest>();
  readonly #counts: CallerCounts;
  readonly #metrics: Metrics;
  readonly #table: PipelineTable;
  readonly #showsTrace: boolean;
  readonly #log: Logger;
  #idle: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  constructor({ table, counts, metrics, log, showsTrace }: TurnsSettings) {
    this.#log = log;
    this.#table = table;
    this.#counts = counts;
    this.#metrics = metrics;
    this.#showsTrace = showsTrace;
  }

  /** How many turns run. */
  get running(): number {
    return this.#running.size;
  }

  /** Starts a turn. Nothing runs before the first read. Throws `invalid_request` for what the pipeline does not accept. */
  start(turn: TurnRequest): SentStream {
    if (this.#isClosed)
      throw new RequestError('shutting_down', 'The server is shutting down.', { retryable: true });
    const stream = this.#opened(turn);
    this.#running.set(stream, turn);
    const release = this.#counts.open(turn.caller);
    this.#metrics.openStreams.add({}, 1);
    const done = (): void => {
      if (!this.#running.delete(stream)) return;
      release();
      this.#metrics.openStreams.add({}, -1);
      if (this.#running.size === 0) this.#idle?.resolve();
    };
    stream.tap({ end: (end) => this.#settle(turn, end) });
    const { turnId, session, served, model } = turn;
    const sent = liveStream(
      stream,
      {
        turnId,
        name: served.name,
        ...(session !== undefined && { session }),
        ...(model !== undefined && { model }),
      },
      { trace: this.#showsTrace },
    );
    return new CountedStream(sent, done);
  }

  /** Ends a turn that runs here, as cancelled for this reason. What it has received is still delivered. False: the owner has no such turn here. */
  stop(owner: string, turnId: string, reason: string): boolean {
    for (const [stream, turn] of this.#running) {
      if (turn.owner !== owner || turn.turnId !== turnId) continue;
      stream.abort(new SluiceError('aborted', 'The turn was stopped.', { reason }));
      return true;
    }
    return false;
  }

  /** Takes no more turns, waits for those that run, and ends the rest after so many milliseconds, with an error that says why. */
  async drained(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#running.size === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    using timer = new Timer(() => this.end());
    timer.start(timeoutMs);
    await this.#idle.promise;
  }

  /** Ends all turns that run, with an error that says why. */
  end(): void {
    const error = new SluiceError('shutting_down', 'The server was shut down before the turn was done.');
    for (const stream of this.#running.keys()) stream.abort(error);
  }

  #opened({ options, open }: TurnRequest): PipelineStream {
    try {
      return open(options);
    } catch (error) {
      // Everything that can be wrong here came with the request; the message names fields and kinds, never a value.
      if (error instanceof SluiceError && error.code === 'invalid_options')
        throw new RequestError('invalid_request', error.message);
      throw error;
    }
  }

  #settle(
    { served, caller, turnId, requestId }: TurnRequest,
    { reply, error }: StreamEnd<ExecutionResult>,
  ): void {
    const end: SentEnd = reply === undefined ? endOfError(error) : endOfResult(reply);
    const pipeline = served.name;
    const { usage, cost, outcome, latencyMs, timeToFirstChunkMs } = end;
    if (end.replayed !== true) this.#counts.spend(caller, usage, cost);
    this.#metrics.turns.add({ pipeline, outcome });
    if (outcome === 'failed' && end.error !== undefined) {
      const { code } = end.error;
      this.#metrics.turnErrors.add({ pipeline, code });
      this.#log.error('turn failed', {
        requestId,
        turnId,
        pipeline,
        code,
        error: scrub(error?.message ?? ''),
      });
    }
    if (latencyMs !== undefined) this.#metrics.turnSeconds.add({ pipeline }, latencyMs / 1_000);
    if (timeToFirstChunkMs !== undefined)
      this.#metrics.firstChunkSeconds.add({ pipeline }, timeToFirstChunkMs / 1_000);
    if (cost?.status === 'exact' || cost?.status === 'estimated')
      this.#metrics.costUsd.add({ pipeline }, cost.totalUsd ?? 0);
    if (usage === undefined) return;
    const model = this.#table.label(end.model);
    this.#metrics.tokens.add({ pipeline, model, kind: 'input' }, usage.inputTokens);
    this.#metrics.tokens.add({ pipeline, model, kind: 'output' }, usage.outputTokens);
  }
}
