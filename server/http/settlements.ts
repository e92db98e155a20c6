import type { Logger } from '../../src/index.ts';
import type { CallerCounts } from '../callers/caller-limits.ts';
import type { LoggedStart } from '../log/chunk-log.ts';
import { keptRequest } from '../resumable/run-request.ts';
import type { SentEnd } from '../stream/parts.ts';
import { keptCaller } from './kept-values.ts';
import { errorFields } from './log-error.ts';
import type { Metrics } from './metrics.ts';
import type { PipelineTable } from './pipelines.ts';
import type { TurnRequest } from './turns.ts';

/** Whose turn it was, for the sums. */
type Settled = Pick<TurnRequest, 'served' | 'caller' | 'turnId'> & {
  /** Undefined for a turn that another process was asked for. */
  requestId: string | undefined;
};

/** What settlements are made with. */
export interface SettlementsSettings {
  table: PipelineTable;
  counts: CallerCounts;
  metrics: Metrics;
  log: Logger;
  /** Whether the messages of errors are written to the log. */
  logsContent: boolean;
}

/** Counts what turns have used, once each, and writes to the log which ones failed. */
export class Settlements {
  /** Turns that run apart from their connections in this process, by their owners and ids. */
  readonly #expected = new Map<string, Settled>();
  readonly #table: PipelineTable;
  readonly #counts: CallerCounts;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #logsContent: boolean;

  constructor({ table, counts, metrics, log, logsContent }: SettlementsSettings) {
    this.#logsContent = logsContent;
    this.#table = table;
    this.#counts = counts;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** A turn that tells its end later. */
  expect({ owner, turnId, served, caller, requestId }: TurnRequest): void {
    const name = nameOf(owner, turnId);
    if (this.#expected.size >= MAX_EXPECTED) this.#expected.delete(this.#expected.keys().next().value ?? '');
    if (!this.#expected.has(name)) this.#expected.set(name, { served, caller, turnId, requestId });
  }

  /** The end of such a turn, or of one that this process has taken over. */
  ended(owner: string, start: LoggedStart, end: SentEnd): void {
    const name = nameOf(owner, start.turnId);
    const turn = this.#expected.get(name) ?? this.#takenOver(start);
    if (turn === undefined) return;
    this.#expected.delete(name);
    this.settle(turn, end);
  }

  #takenOver({ name, turnId, request }: LoggedStart): Settled | undefined {
    const served = this.#table.all.find((one) => one.name === name);
    const caller = keptCaller(keptRequest(request)?.kept);
    return served === undefined || caller === undefined
      ? undefined
      : { served, caller, turnId, requestId: undefined };
  }

  settle({ served, caller, turnId, requestId }: Settled, end: SentEnd, error?: Error): void {
    const pipeline = served.name;
    const { outcome, latencyMs, timeToFirstChunkMs } = end;
    // A stored reply that is said again was counted when it was made.
    const { usage, cost }: Pick<SentEnd, 'usage' | 'cost'> = end.replayed === true ? {} : end;
    const metrics = this.#metrics;
    this.#counts.spend(caller, usage, cost);
    metrics.turns.add(1, pipeline, outcome);
    if (outcome === 'failed' && end.error !== undefined) {
      // For whoever looks after the server, the key that is wrong is no failure of the provider.
      const code = end.error.upstream ?? end.error.code;
      metrics.turnErrors.add(1, pipeline, code);
      this.#log.error('turn failed', {
        ...(requestId !== undefined && { requestId }),
        turnId,
        pipeline,
        ...(error !== undefined && errorFields(error, this.#logsContent)),
        code,
      });
    }
    if (latencyMs !== undefined) metrics.turnSeconds.add(latencyMs / 1_000, pipeline);
    if (timeToFirstChunkMs !== undefined) metrics.firstChunkSeconds.add(timeToFirstChunkMs / 1_000, pipeline);
    if (cost?.status === 'exact' || cost?.status === 'estimated')
      metrics.costUsd.add(cost.totalUsd ?? 0, pipeline);
    if (usage === undefined) return;
    const model = this.#table.label(end.model);
    metrics.tokens.add(usage.inputTokens, pipeline, model, 'input');
    metrics.tokens.add(usage.outputTokens, pipeline, model, 'output');
  }
}

/** Turns whose end never comes are forgotten, the oldest first. */
const MAX_EXPECTED = 100_000;

function nameOf(owner: string, turnId: string): string {
  return JSON.stringify([owner, turnId]);
}
