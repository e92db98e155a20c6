import type {
  Cost,
  ErrorCode,
  ErrorJson,
  FinishReason,
  Outcome,
  PendingCall,
  SessionKey,
  Span,
  StampedChunk,
  Usage,
} from '../../src/index.ts';

/** What a stream tells first: which turn it is. It is written once, and every reader gets the same. */
export interface SentStart {
  /** The id of the turn; the id of the stream, too. */
  turnId: string;
  /** The session, if it is a turn of one. */
  session?: SessionKey;
  /** Which pipeline answers, by the name that the server gave it. */
  name?: string;
  /** The model as the client asked for it. */
  model?: string;
  /** When it started, in milliseconds since the epoch, by the clock of whoever keeps the stream. */
  startedAt: number;
}

/**
 * A chunk as a client may see it. It never is the last one, `done`, which has the trace and the metadata. `index` is its place in the stream: dense from 0, also over
 * several runs of a turn.
 */
export type SentChunk = StampedChunk;

/** The error of a stream as a client may see it: no word of a provider or of the caller. */
export interface SentError extends ErrorJson {
  /** Whether the same request may succeed if it is made again. */
  retryable: boolean;
  /** How long to wait before that, in milliseconds. */
  retryAfterMs?: number;
  /** How often the pipeline has tried. From 2 on its attempts are spent, so a client does not begin anew. */
  attempts?: number;
  /** The field of the request that is wrong. */
  field?: string;
  /**
   * What the provider said about the server, and not about the request or its caller: that its key is wrong (`authentication`), that it may not do this (`permission`), that there is
   * no such model (`not_found`), or that its own limit is reached (`rate_limited`). `code` is `server` then, but for a limit that is over soon.
   */
  upstream?: ErrorCode;
}

/** How a stream ended, as a client may see it. */
export interface SentEnd {
  outcome: Outcome;
  /** Why it was interrupted or cancelled: `stopped`, `orphaned`, `shutdown`, or what the caller said. */
  reason?: string;
  finishReason?: FinishReason;
  usage?: Usage;
  cost?: Cost;
  model?: string;
  provider?: string;
  /** Tool calls that wait for a decision. */
  pending?: PendingCall[];
  /** With outcome `failed`, and with `cancelled`. */
  error?: SentError;
  /** From the first read to the end, in milliseconds. */
  latencyMs?: number;
  timeToFirstChunkMs?: number;
  /** The turn had been finished before: this is its stored reply. */
  replayed?: true;
  warnings?: string[];
  /** The spans of the execution, if the server keeps them for its clients. */
  trace?: Span[];
  /** Who wrote the end: the process that ran the turn, or one that found it without an owner. */
  by?: 'owner' | 'finder';
}
