import { SluiceError } from '../../src/index.ts';
import type { ExecutionOptions, Input, Pipeline, SessionKey } from '../../src/index.ts';
import { delay, guarded, kindOf, newId } from '../../src/kit/index.ts';
import type { LoggedStart, Opened, OpenedOwner, Page, StreamKey } from '../log/chunk-log.ts';
import type { Cursor } from '../stream/cursor.ts';
import type { PipelineStream } from '../stream/live.ts';
import type { SentEnd } from '../stream/parts.ts';
import type { SentStream } from '../stream/sent-stream.ts';
import { logCall } from './log-call.ts';
import { AHEAD_MS, LogReader } from './log-reader.ts';
import type { ReaderHost } from './log-reader.ts';
import { settingsOf } from './options.ts';
import type { ResumableOptions, Settings } from './options.ts';
import { OpeningStream } from './opening-stream.ts';
import type { ResumableStream } from './opening-stream.ts';
import { Outages } from './outages.ts';
import { OwnerLost } from './owner-lost.ts';
import { Run } from './run.ts';
import { checkRunOptions } from './run-options.ts';
import type { ResumableRunOptions } from './run-options.ts';
import { fingerprintOf, requestOf, streamOf } from './run-request.ts';
import type { RunRequest } from './run-request.ts';
import { RunsHere } from './runs-here.ts';
import { Sweeper } from './sweeper.ts';

export type { ResumableStream } from './opening-stream.ts';
export type { ResumableRunOptions } from './run-options.ts';

/** What reading a stream gave. */
export type ReadAnswer =
  /** `hasEnded`: the stream has ended, and the cursor is at its end. If the frames of the format give nothing more, the client has all. */
  | { as: 'stream'; stream: SentStream; key: StreamKey; hasEnded: boolean }
  /** There is no such stream of this owner. */
  | { as: 'unknown' }
  /** The log has dropped the first chunks, and even a snapshot of them was too large: read the session. `first`: the index of the first one that it has. */
  | { as: 'gap'; first: number }
  /** The cursor is behind what the log has: it is of another stream, or the log has lost its newest chunks for good. */
  | { as: 'ahead' };

/** What a stop gave. `pending`: its run will end soon. `stopped`: it has ended. `unknown`: there is no such stream, or nothing runs in the session. */
export interface StopAnswer {
  status: 'pending' | 'stopped' | 'unknown';
  /** The turn that was stopped. */
  turnId?: string;
}

/** What `resumable()` returns. */
export type Resumable = Pick<Runs, keyof Runs>;

/**
 * Runs the turns of a pipeline apart from the connections of those who read them: their chunks go into a log, from which any process reads them, from any place, as often as it
 * likes. Several pipelines are given by name. Runs and readers of one log may be in different processes; each has its own `resumable()`.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const runs = resumable(pipeline, { log: memoryLog() });
 * const stream = runs.stream({ owner: 'ada', id: 'chat-1' }, 'Hello', { turnId });
 * // The client lost its connection, and comes back:
 * const answer = await runs.read(stream.key);
 */
export function resumable(
  pipelines: Pipeline | Readonly<Record<string, Pipeline>>,
  options: ResumableOptions,
): Resumable {
  if (typeof pipelines !== 'object' || pipelines === null)
    throw new SluiceError(
      'invalid_options',
      `resumable(): pipelines is ${kindOf(pipelines)}: give a pipeline, or several by name.`,
    );
  return new Runs(pipelines, settingsOf(options));
}

class Runs implements AsyncDisposable {
  readonly #pipelines: Pipeline | Readonly<Record<string, Pipeline>>;
  readonly #settings: Settings;
  readonly #runs = new RunsHere();
  readonly #ownerLost: OwnerLost;
  readonly #host: ReaderHost;
  readonly #sweeper: Sweeper;
  #isClosing = false;
  /** No time is left for what runs. */
  #isEnding = false;
  /** How many turns that were taken are being opened, and who waits for that. */
  #opening = 0;
  #opened: PromiseWithResolvers<void> | undefined;

  constructor(pipelines: Pipeline | Readonly<Record<string, Pipeline>>, settings: Settings) {
    this.#pipelines = pipelines;
    this.#settings = settings;
    this.#ownerLost = new OwnerLost({
      settings,
      isClosing: () => this.#isClosing,
      pipelineOf: (start) => this.#find(start.name),
      begin: (...given) => void this.#takeOver(...given),
    });
    const { log, leaseMs, graceMs, storeWaitMs } = settings;
    this.#host = {
      ...{ log, leaseMs, graceMs, storeWaitMs },
      outages: new Outages({ leaseMs, graceMs }),
      // A reader asks again when the lease is over at the latest.
      presentMs: 2 * (leaseMs + graceMs),
      runOf: (key) => this.#runs.of(key),
      ownerLost: (key, page) => this.#ownerLost.handle(key, page),
      isClosing: () => this.#isClosing,
    };
    // A process that shares its log with nobody has no turn that it does not run.
    const sweepMs = log.isShared === false ? 0 : settings.sweepMs;
    this.#sweeper = new Sweeper({ ...{ log, leaseMs, graceMs, sweepMs }, ownerLost: this.#host.ownerLost });
  }

  /**
   * Runs a turn, and returns what the caller reads of it. Nothing happens before the first `next()`. If the turn of this `turnId` runs already, on any process, or has ended, the
   * caller joins it from its first chunk. Closing it does not end the turn.
   *
   * Throws what the pipeline throws about its arguments, and `shutting_down` after `close()`. The first `next()` rejects with `conflict` if the id was used for something else.
   */
  stream(
    session: SessionKey | undefined,
    input: Input | string,
    options: ResumableRunOptions = {},
  ): ResumableStream {
    if (this.#isClosing) throw closingError();
    checkRunOptions(options);
    this.start();
    const { owner, name, shownModel, edit, again, fingerprint, besides, kept, ...given } = options;
    const { turnId = newId(), values, onTurn } = given;
    const request = { ...requestOf(input, edit, given), ...(kept !== undefined && { kept }) };
    const key = { owner: session === undefined ? (owner ?? '') : ownerOf(session), id: turnId };
    const start: LoggedStart = {
      turnId,
      ...(session !== undefined && { session }),
      ...(name !== undefined && { name }),
      ...((shownModel ?? given.model) !== undefined && { model: shownModel ?? given.model }),
    };
    const isComplete = values === undefined || this.#settings.runOptions !== undefined;
    const more: ExecutionOptions = { ...(values && { values }), ...(onTurn && { onTurn }) };
    // Made now, so that wrong arguments are told to the caller. It is read if the stream is its own.
    const execution = this.#execution(start, request, more);
    const open = async (): Promise<LogReader> => {
      // A random id is used once.
      const isNamed = given.turnId !== undefined;
      const print =
        fingerprint ?? (isNamed ? await fingerprintOf(session, request, name, besides) : undefined);
      const asked = isComplete && this.#isTakeable(start) ? this.#keepable(request) : undefined;
      const logged: LoggedStart = {
        ...start,
        ...(print !== undefined && { fingerprint: print }),
        ...(asked !== undefined && { request: asked }),
      };
      await this.#open(key, logged, again ?? false, () => execution);
      return new LogReader(this.#host, key);
    };
    return new OpeningStream(key, open);
  }

  /** Reads a stream from its start: frames before the cursor are left out by whoever makes frames of it. Waits a moment for a log that has less than the client. */
  async read(key: StreamKey, options: { after?: Cursor | undefined } = {}): Promise<ReadAnswer> {
    this.start();
    const position = options.after?.position ?? 0;
    const until = performance.now() + AHEAD_MS;
    for (;;) {
      const { log, storeWaitMs } = this.#settings;
      const { presentMs } = this.#host;
      const { value: page } = await logCall(
        'read',
        () => log.read(key, { after: 0, presentMs }),
        storeWaitMs,
      );
      if (page === undefined) return { as: 'unknown' };
      if (page.first > 0 && page.snapshot === undefined) return { as: 'gap', first: page.first };
      const last = lastPosition(page);
      if (position <= last) {
        const hasEnded = page.end !== undefined && position === last;
        return { as: 'stream', stream: new LogReader(this.#host, key, page), key, hasEnded };
      }
      if (page.end !== undefined || performance.now() >= until) return { as: 'ahead' };
      await delay(Math.min(100, AHEAD_MS / 10));
    }
  }

  /** Reads the turn that runs in a session, from its first chunk. `unknown`: nothing runs. */
  async join(session: SessionKey, options: { after?: Cursor | undefined } = {}): Promise<ReadAnswer> {
    const [id] = await this.running(session);
    return id === undefined ? { as: 'unknown' } : this.read({ owner: ownerOf(session), id }, options);
  }

  /** The ids of the turns of a session that run or wait for it, the oldest first. */
  async running(session: SessionKey): Promise<string[]> {
    const { log, storeWaitMs } = this.#settings;
    const key = typeof session === 'string' ? { owner: '', id: session } : session;
    return (await logCall('running', () => log.running(key), storeWaitMs)).value;
  }

  /** Ends a stream on whatever process it runs, as cancelled with this reason. A stop that comes before its stream holds for a minute. */
  async stop(key: StreamKey, reason = 'stopped'): Promise<StopAnswer> {
    const { log, storeWaitMs } = this.#settings;
    const { value: status } = await logCall('stop', () => log.stop(key, reason), storeWaitMs);
    return { status, ...(status !== 'unknown' && { turnId: key.id }) };
  }

  /**
   * Ends a turn of a session. Name the turn that the user sees: without a `turnId` it is the one that has waited longest, and it alone, also if the next one begins
   * meanwhile.
   */
  async stopTurn(
    session: SessionKey,
    options: { turnId?: string | undefined; reason?: string | undefined } = {},
  ): Promise<StopAnswer> {
    const id = options.turnId ?? (await this.running(session))[0];
    return id === undefined
      ? { status: 'unknown' }
      : this.stop({ owner: ownerOf(session), id }, options.reason);
  }

  /**
   * Looks now and then for turns whose processes died and that nobody reads, as `sweepMs` says. The first turn or reader begins it, too: a process that is to do so before that calls
   * this. Idempotent.
   */
  start(): void {
    if (!this.#isClosing) this.#sweeper.start();
  }

  /** Looks once for such turns, and ends them or goes on with them. Resolves to how many there were, at most 100. Rejects with `store` if the log does not answer. */
  async sweep(): Promise<number> {
    if (this.#isClosing) throw closingError();
    return this.#sweeper.sweep();
  }

  /** How many turns run in this process. */
  get size(): number {
    return this.#runs.size;
  }

  /**
   * Begins no turn any more, and waits for those that run. When the signal aborts, it gives up those that another process may go on with: their readers in this process are cut off, and
   * come back elsewhere. It ends all others with `shutting_down`. It closes neither the pipelines nor the log.
   */
  async close(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    this.#isClosing = true;
    const end = (): void => {
      this.#isEnding = true;
      for (const run of this.#runs.all) this.#shutDown(run);
    };
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end, { once: true });
    if (this.#opening > 0) await (this.#opened ??= Promise.withResolvers<void>()).promise;
    await Promise.all([...this.#runs.all.map(({ finished }) => finished), this.#sweeper.close()]);
    signal?.removeEventListener('abort', end);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ signal: AbortSignal.abort() });
  }

  // Runs.

  async #open(
    key: StreamKey,
    start: LoggedStart,
    again: boolean,
    stream: () => PipelineStream,
  ): Promise<Opened> {
    const { log, leaseMs, storeWaitMs } = this.#settings;
    const isLate = this.#isClosing;
    this.#opening++;
    try {
      const open = (): Promise<Opened> => log.open(key, start, { leaseMs });
      let { value: opened } = await logCall('open', open, storeWaitMs);
      if (again && opened.as === 'ended' && opened.end.outcome !== 'completed') {
        const reopen = (): Promise<Opened> => log.open(key, start, { leaseMs, again: true });
        ({ value: opened } = await logCall('open', reopen, storeWaitMs));
      }
      if (opened.as !== 'owner') return opened;
      const run = this.#begin(key, start, opened, stream);
      // One that was opened before the process began to shut down has the time that is left for what runs.
      if (isLate) this.#shutDown(run);
      return opened;
    } finally {
      if (--this.#opening === 0) this.#opened?.resolve();
    }
  }

  async #takeOver(
    key: StreamKey,
    start: LoggedStart,
    opened: OpenedOwner,
    request: RunRequest,
  ): Promise<void> {
    const { session } = start;
    const others = session === undefined ? [] : await this.running(session).catch(() => [key.id, '']);
    // Nobody else waits for the session, so the dead run has its lease. Otherwise the lease may be another's, which must not lose it.
    const onBusy = others.every((id) => id === key.id) ? 'supersede' : 'queue';
    const more: ExecutionOptions = session === undefined ? {} : { onBusy };
    const run = this.#begin(key, start, opened, () => this.#execution(start, request, more));
    if (this.#isClosing) this.#shutDown(run);
  }

  #begin(key: StreamKey, start: LoggedStart, opened: OpenedOwner, stream: () => PipelineStream): Run {
    const { log, storeWaitMs, orphanMs, coalesceMs = log.coalesceMs ?? 0 } = this.#settings;
    const { onEnd, keepTrace: keepsTrace } = this.#settings;
    const ended = (end: SentEnd): void => {
      if (end.outcome === 'completed') this.#ownerLost.completed();
      guarded(
        () => onEnd?.(start, end, key),
        () => undefined,
      );
    };
    const run = new Run({
      log,
      key,
      start,
      opened,
      storeWaitMs,
      coalesceMs,
      orphanMs,
      keepsTrace,
      ended,
      stream,
    });
    this.#runs.add(run);
    if (this.#isEnding) this.#shutDown(run);
    return run;
  }

  #shutDown(run: Run): void {
    const isTakeable = run.start.request !== undefined && this.#isTakeable(run.start);
    if (isTakeable && this.#settings.log.isShared !== false) run.handOver();
    else run.shutDown();
  }

  #execution(start: LoggedStart, request: RunRequest, more: ExecutionOptions): PipelineStream {
    const pipeline = this.#find(start.name);
    if (pipeline === undefined)
      throw new SluiceError(
        'invalid_options',
        `name is ${kindOf(start.name)}: give the name of one of the pipelines.`,
      );
    const { runTimeoutMs, runOptions } = this.#settings;
    const { session, turnId } = start;
    const given = request.options.timeoutMs;
    const limits = [runTimeoutMs, given].filter((ms) => ms !== undefined && ms > 0);
    const { values } = runOptions?.(start, request.kept) ?? {};
    return streamOf(pipeline, session, request, {
      ...(values !== undefined && { values }),
      ...more,
      ...(limits.length > 0 && { timeoutMs: Math.min(...limits.map((ms) => ms ?? 0)) }),
      ...(session !== undefined && { turnId }),
    });
  }

  #find(name: string | undefined): Pipeline | undefined {
    if (isPipeline(this.#pipelines)) return this.#pipelines;
    return name !== undefined && Object.hasOwn(this.#pipelines, name) ? this.#pipelines[name] : undefined;
  }

  #isTakeable({ session }: LoggedStart): boolean {
    const { onOwnerLost, maxTakeovers } = this.#settings;
    return (
      maxTakeovers > 0 && (onOwnerLost === 'restart' || (onOwnerLost === 'resume' && session !== undefined))
    );
  }

  /** The request, if it is plain data that is not too large for the log. */
  #keepable(request: RunRequest): RunRequest | undefined {
    const text = JSON.stringify(request);
    return text.length <= this.#settings.maxRequestCharacters ? request : undefined;
  }
}

function isPipeline(given: Pipeline | Readonly<Record<string, Pipeline>>): given is Pipeline {
  return typeof given.executeStreamWithContext === 'function';
}

function ownerOf(session: SessionKey | undefined): string {
  return session === undefined || typeof session === 'string' ? '' : session.owner;
}

/** The position of the newest thing in a log. */
function lastPosition({ next, end }: Page): number {
  return next + (end === undefined ? 0 : 1);
}

function closingError(): SluiceError {
  return new SluiceError('shutting_down', 'No new turn is taken: this process is shutting down.');
}
