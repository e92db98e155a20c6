import type { SentChunk, SentEnd, SentStart } from '../stream/parts.ts';

/** Whose stream, and which. A stranger's stream is not there: its owner is part of the key. */
export interface StreamKey {
  /** Tenant or user; `''` if there is none. */
  owner: string;
  /** The id of the turn. */
  id: string;
}

/** What a log keeps of a stream's start. */
export interface LoggedStart extends Omit<SentStart, 'startedAt'> {
  /** What was asked, as a hash: the same id with another one is a `conflict`. */
  fingerprint?: string;
  /** What was asked, as plain data, for whoever takes the turn over. A log keeps it as it is, and no client is sent it. */
  request?: unknown;
}

/** The right to append to a stream. */
export interface StreamLease {
  key: StreamKey;
  /** It rises with each owner: the log refuses what comes with an older one. */
  token: number;
  /** How long it lasts without an append, in milliseconds. */
  leaseMs: number;
}

/** Options of {@link ChunkLog.open}. */
export interface OpenOptions {
  /** How long the lease lasts without an append, in milliseconds. */
  leaseMs: number;
  /** Takes over a stream whose lease has been over for `graceMs`. */
  takeOver?: boolean;
  /** Default: 0. */
  graceMs?: number;
  /** Opens a stream that has ended for a further run, and clears its stop. */
  again?: boolean;
}

/** The caller owns the stream: it runs the turn and appends its chunks. */
export interface OpenedOwner {
  as: 'owner';
  held: StreamLease;
  /** How many chunks there are: 0, or more if another run was before this one. */
  next: number;
  /** When the stream was opened for the first time, in milliseconds since the epoch, by the log's clock. */
  startedAt: number;
  /** How often the stream has been taken over since it was opened, or opened again. A takeover after a `release` does not count. */
  takeovers: number;
  /** Its former owner has given it up. */
  released?: true;
  /** It is to be stopped, for this reason: nothing may run. */
  stop?: string;
}

/** What opening gave. `reader`: another owner runs it. */
export type Opened = OpenedOwner | { as: 'reader' } | { as: 'ended'; end: SentEnd };

/** One append: chunks that follow each other. A log may give the same objects to several readers, so nobody may change them. */
export interface Entry {
  /** The index of its first chunk. */
  readonly from: number;
  /** The token of the owner that appended it: it rises with each owner. */
  readonly epoch: number;
  /** When it was kept, in milliseconds since the epoch, by the log's clock. */
  readonly at: number;
  readonly chunks: readonly SentChunk[];
}

/**
 * Chunks that were dropped, as one: pieces of one text, or reports about the progress of one call. Others may have come between them.
 */
export interface SnapshotRun {
  /** The whole of it; `index` is that of the first. */
  readonly chunk: SentChunk;
  /** When the first was kept, in milliseconds since the epoch, by the log's clock. */
  readonly at: number;
  /** How long the text of each piece is, in characters; a number below 0: how many indices are skipped. Absent if it is one chunk. */
  readonly pieces?: readonly number[];
}

/** A chunk that voids others. */
export type SentReset = Extract<SentChunk, { type: 'reset' }>;

/** Options of {@link ChunkLog.read}. */
export interface ReadOptions {
  /** How many chunks the reader has. The first entry of the page may begin before it. */
  after: number;
  /** The page ends with the entry that has the chunk of this number after `after`. Default: 256. */
  most?: number;
  /** A reader is here for so long, in milliseconds. */
  presentMs?: number;
}

/** A part of a stream. */
export interface Page {
  start: LoggedStart;
  startedAt: number;
  entries: Entry[];
  /** The index of the first chunk that is kept. */
  first: number;
  /**
   * What came before `first`, in the order in which it began, if the read begins before that and the log has it: see `snapshotOf()`. Without it the beginning of the stream is lost.
   */
  snapshot?: readonly SnapshotRun[];
  /** How many chunks there are. */
  next: number;
  /**
   * All resets of the stream that void a chunk, the oldest first, also those that the entries do not hold: a reader has to know beforehand what is void. One that voids no
   * chunk is not among them.
   */
  resets: readonly SentReset[];
  token: number;
  /** How often the stream has been taken over since it was opened, or opened again. */
  takeovers: number;
  /** How long the owner's lease still lasts, in milliseconds; 0 or less if it is over. */
  leaseLeftMs: number;
  /** Its owner has given it up: it can be taken over without a grace. */
  released?: true;
  stop?: string;
  end?: SentEnd;
  endedAt?: number;
}

/** Options of {@link ChunkLog.unowned}. */
export interface UnownedOptions {
  /** For how long the leases have been over at least, in milliseconds. A stream that was released needs no grace. */
  graceMs: number;
  /** How many keys are given at most. */
  most: number;
}

/** What an append gave. */
export interface Appended {
  /**
   * How many chunks there are. If that is less than the append's `from`, nothing was kept: the log has lost its newest chunks, and the owner has to give those from `next` on
   * again.
   */
  next: number;
  /** When it was kept, in milliseconds since the epoch, by the log's clock. It is the `at` of the entry. */
  at: number;
  /** It is to be stopped, for this reason. */
  stop?: string;
  /** For how long nobody has been reading, in milliseconds; 0 if somebody is. */
  unreadMs: number;
}

/**
 * Keeps the chunks of running streams, so that any reader on any process can read them from any place. Errors are `SluiceError`s: `lease_lost`, `conflict`, and `store` for
 * whatever the service behind it says.
 *
 * A stream that runs is kept for an hour after its last renewal, one that has ended for the `ttlMs` of the log.
 */
export interface ChunkLog {
  /**
   * How long the owner should wait between two appends, in milliseconds, so that more chunks go with each. The first append is made at once. Default: 0.
   */
  readonly coalesceMs?: number;
  /** Whether other processes have the same streams, so that one can go on with those of another. Default: true. */
  readonly isShared?: boolean;
  /** Opens a stream for its owner, or says that another owns it. Throws `conflict` if it has another fingerprint. */
  open(key: StreamKey, start: LoggedStart, options: OpenOptions): Promise<Opened>;
  /**
   * Adds chunks behind `from` of them, and the end with them. The index of each chunk is its place: `from`, `from + 1` and so on. Nobody may change them afterwards. `[]` renews the
   * lease, as each append does. What is there already is kept once. If chunks before `from` are missing, nothing is kept, and `next` says from where to give them again. Throws
   * `lease_lost` if the token is not the one that is kept, or the stream has ended or is gone. The same end a second time is no error.
   */
  append(held: StreamLease, from: number, chunks: readonly SentChunk[], end?: SentEnd): Promise<Appended>;
  /** What follows `after` chunks. Undefined: there is no such stream. */
  read(key: StreamKey, options: ReadOptions): Promise<Page | undefined>;
  /**
   * Asks the owner to end the stream. `pending`: it is recorded. `stopped`: the stream has ended. `unknown`: there is no such stream; if it is opened within the next minute, the stop
   * is its. The first reason wins.
   */
  stop(key: StreamKey, reason: string): Promise<'pending' | 'stopped' | 'unknown'>;
  /**
   * Gives a stream up: its lease is over, for any grace, its token is raised, so that this owner is refused from then on, and its readers are woken. Whoever takes it over next does not
   * count as a takeover. Throws `lease_lost` as `append` does.
   */
  release(held: StreamLease): Promise<void>;
  /** Ends a stream whose lease has been over for `graceMs`, and raises its token. False if that is not so. */
  settle(key: StreamKey, end: SentEnd, options: { graceMs: number }): Promise<boolean>;
  /**
   * Wakes a waiter if there are chunks (or the end), or a stop. It is a hint: it may come for nothing or not at all. `wake` may be called before the append that caused it has
   * answered. Returns a function that ends it.
   */
  watch(key: StreamKey, what: 'chunks' | 'stop', wake: () => void): () => void;
  /** The ids of the running streams of a session, the oldest first. */
  running(session: StreamKey): Promise<string[]>;
  /**
   * The keys of streams that run and have no owner: their leases have been over for `graceMs`. Whoever gets one may take it over or settle it. A log may leave out, for some seconds, what
   * it has told to somebody else, so that not all processes do the same.
   */
  unowned(options: UnownedOptions): Promise<StreamKey[]>;
  /** Removes all streams of an owner. */
  forget(owner: string): Promise<void>;
  close(): Promise<void>;
}
