import type { ExecutionOptions, Input, Message } from '../../src/index.ts';
import { isSluiceError, SluiceError } from '../../src/index.ts';
import { Running, Timer } from '../../src/kit/index.ts';
import type { Entry } from '../../src/kit/index.ts';
import type { CallerCounts } from '../callers/caller-limits.ts';
import type { Caller } from '../callers/caller.ts';
import type { Place } from '../callers/places.ts';
import { fieldError, RequestError } from '../requests/request-error.ts';
import type { Resumable } from '../resumable/resumable.ts';
import { liveStream } from '../stream/live.ts';
import type { PipelineStream } from '../stream/live.ts';
import type { SentStart } from '../stream/parts.ts';
import { endOfError, endOfResult } from '../stream/sent-end.ts';
import type { SentStream } from '../stream/sent-stream.ts';
import { CountedStream } from './counted-stream.ts';
import { keptValues } from './kept-values.ts';
import type { Metrics } from './metrics.ts';
import type { Served } from './pipelines.ts';
import { Readers } from './readers.ts';
import type { Settlements } from './settlements.ts';

/** A turn that a client asks for. */
export interface TurnRequest {
  served: Served;
  caller: Caller;
  /** The owner of the stream, and of the session if there is one. */
  owner: string;
  session: { owner: string; id: string } | undefined;
  /** The id of the turn and of its stream. */
  turnId: string;
  /** Whether the client gave the id: it may ask for the same turn again, and joins it then. */
  isNamed: boolean;
  /** Whether the stream may live apart from its connection. */
  mayDetach: boolean;
  /** The server's id of the request. */
  requestId: string;
  /** The model as the client asked for it. */
  model?: string | undefined;
  input: Input;
  /** The id of the message that the input replaces. */
  edit?: string | undefined;
  options: ExecutionOptions;
}

/** What turns are started with. */
export interface TurnsSettings {
  counts: CallerCounts;
  metrics: Metrics;
  settlements: Settlements;
  runs: Resumable;
  /** Whether streams live apart from their connections. */
  isResumable: boolean;
  showsTrace: boolean;
}

/** Starts turns, and knows which ones run on their connections. */
export class Turns {
  readonly #running = new Running<Attached>();
  readonly #settings: TurnsSettings;
  readonly #readers: Readers;
  #idle: PromiseWithResolvers<void> | undefined;
  #deadline: AbortController | undefined;
  #isClosed = false;

  constructor(settings: TurnsSettings) {
    this.#settings = settings;
    this.#readers = new Readers(settings.runs, settings.isResumable);
  }

  /**
   * Starts a turn, or joins it, in a place of its caller, which it gives back. Nothing runs before the first read. Throws `invalid_request` for what the pipeline does not
   * accept.
   */
  start(turn: TurnRequest, place: Place): SentStream {
    if (this.#isClosed)
      throw new RequestError('shutting_down', 'The server is shutting down.', { retryable: true });
    const { metrics, isResumable } = this.#settings;
    const isDetached = turn.mayDetach && (isResumable || turn.isNamed);
    const opened = asRequest(() => (isDetached ? this.#detached(turn) : this.#attached(turn)));
    const release = place.take();
    metrics.openStreams.add(1);
    return new CountedStream(opened.stream, () => {
      release();
      metrics.openStreams.add(-1);
      opened.done();
    });
  }

  /** A reader of a stream that was started before, in a place of its caller. */
  joined(stream: SentStream, key: { owner: string; id: string }, place: Place): SentStream {
    const { metrics } = this.#settings;
    metrics.openStreams.add(1);
    const release = place.take();
    const leave = this.#readers.enter(key);
    return new CountedStream(stream, () => {
      release();
      metrics.openStreams.add(-1);
      leave();
    });
  }

  /** Ends a turn that runs on a connection of this process, as cancelled for this reason. False: the owner has no such turn here. */
  stop(owner: string, is: (turn: TurnRequest) => boolean, reason: string): boolean {
    for (const { stream, turn } of this.#running.all) {
      if (turn.owner !== owner || !is(turn)) continue;
      // What it has received is still delivered.
      stream.abort(new SluiceError('aborted', 'The turn was stopped.', { reason }));
      return true;
    }
    return false;
  }

  /** Takes no more turns, waits for those that run, and ends the rest after so many milliseconds, with an error that says why. Whatever fails, it waits for all of them, and what they used is counted. */
  async drained(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    const deadline = new AbortController();
    this.#deadline = deadline;
    using timer = new Timer(() => this.end());
    timer.start(timeoutMs);
    this.#idle ??= Promise.withResolvers<void>();
    if (this.#running.size === 0) this.#idle.resolve();
    const { runs, counts } = this.#settings;
    const ends = await Promise.allSettled([this.#idle.promise, runs.close({ signal: deadline.signal })]);
    await counts.settled();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Ends all turns that run, with an error that says why. */
  end(): void {
    const error = new SluiceError('shutting_down', 'The server was shut down before the turn was done.');
    for (const { stream } of this.#running.all) stream.abort(error);
    this.#deadline?.abort();
  }

  /** A turn that ends with its connection. */
  #attached(turn: TurnRequest): Opened {
    const stream = executionOf(turn);
    const entry: Entry<Attached> = { one: { stream, turn }, place: undefined };
    this.#running.add(entry);
    stream.tap({
      end: ({ reply, error }) =>
        this.#settings.settlements.settle(
          turn,
          reply === undefined ? endOfError(error) : endOfResult(reply),
          error,
        ),
    });
    return {
      stream: liveStream(stream, startOf(turn), { trace: this.#settings.showsTrace }),
      done: () => {
        this.#running.delete(entry);
        if (this.#running.size === 0) this.#idle?.resolve();
      },
    };
  }

  /** A turn that lives in a log, where other readers find it. */
  #detached(turn: TurnRequest): Opened {
    const { runs, settlements } = this.#settings;
    const { owner, session, turnId, served, model, edit, input, options } = turn;
    settlements.expect(turn);
    const kept = keptValues(options.values ?? []);
    const { caller: _caller, ...besides } = kept;
    const stream = runs.stream(session, input, {
      ...options,
      ...{ kept, besides },
      turnId,
      name: served.name,
      ...(session === undefined && { owner }),
      ...(model !== undefined && { shownModel: model }),
      ...(edit !== undefined && { edit }),
    });
    return { stream, done: this.#readers.enter({ owner, id: turnId }) };
  }
}

/** A turn that ends with its connection. */
interface Attached {
  stream: PipelineStream;
  turn: TurnRequest;
}

interface Opened {
  stream: SentStream;
  /** Its reader has the end, or has left. */
  done: () => void;
}

function startOf({ turnId, session, served, model }: TurnRequest): Omit<SentStart, 'startedAt'> {
  return {
    turnId,
    name: served.name,
    ...(session !== undefined && { session }),
    ...(model !== undefined && { model }),
  };
}

function executionOf({ served, session, input, edit, turnId, options }: TurnRequest): PipelineStream {
  const { pipeline } = served;
  if (session === undefined) return pipeline.executeStream(input, options);
  const ofTurn = { ...options, turnId };
  if (edit === undefined) return pipeline.executeStreamWithContext(session, input, ofTurn);
  return pipeline.edit(session, edit, messageIn(input), ofTurn);
}

/** The message that replaces another one. */
function messageIn(input: Input): Message {
  const first: Input | undefined = isList(input) ? input[0] : input;
  if (first !== undefined && 'role' in first) return first;
  throw fieldError('message', 'give one message of the user');
}

function isList(input: Input): input is readonly Message[] {
  return Array.isArray(input);
}

/** Everything that can be wrong when a turn is opened came with its request. The message names fields and kinds, never a value. */
function asRequest<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (isSluiceError(error) && error.code === 'invalid_options')
      throw new RequestError('invalid_request', error.message);
    throw error;
  }
}
