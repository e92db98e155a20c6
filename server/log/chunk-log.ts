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
  leaseMs: number;
  /** Takes over a stream whose lease is over. */
  takeOver?: boolean;
  /** Opens a stream that has ended for a further run, and clears its stop. */
  again?: boolean;
  /** Which process asks: any text that no other process has. */
  process: string;
}

/** What opening gave. */
export type Opened =
  /** `next` is 0, or more if another run was before this one. `stop`: it is to be stopped, so nothing may run. */
  | { as: 'owner'; held: StreamLease; next: number; startedAt: number; stop?: string }
  | { as: 'reader' }
  | { as: 'ended'; end: SentEnd };

/** One append: chunks that follow each other. */
export interface Entry {
  /** The index of its first chunk. */
  from: number;
  /** It rises by 1 with each owner. */
  epoch: number;
  /** When it was kept, in milliseconds since the epoch, by the log's clock. */
  at: number;
  chunks: SentChunk[];
}

/** A part of a stream. */
export interface Page {
  start: LoggedStart;
  startedAt: number;
  entries: Entry[];
  /** The index of the first chunk that is kept. */
  first: number;
  /** How many chunks there are. */
  next: number;
  /** The resets that void something: each one's index, and the lowest number it voids. */
  resets: { at: number; from: number }[];
  token: number;
  /** How long the owner's lease still lasts, in milliseconds; 0 or less if it is over. */
  leaseLeftMs: number;
  stop?: string;
  end?: SentEnd;
  endedAt?: number;
}

/** What an append gave. */
export interface Appended {
  /** How many chunks there are. */
  next: number;
  at: number;
  /** It is to be stopped, for this reason. */
  stop?: string;
  /** For how long nobody has been reading, in milliseconds; 0 if somebody is. */
  unreadMs: number;
}

/**
 * Keeps the chunks of running streams, so that any reader on any process can read them from any place. Errors are `SluiceError`s: `lease_lost`, `conflict`, and `store` for
 * whatever the service behind it says.
 */
export interface ChunkLog {
  /** Opens a stream for its owner, or says that another owns it. Throws `conflict` if it has another fingerprint. */
  open(key: StreamKey, start: LoggedStart, options: OpenOptions): Promise<Opened>;
  /**
   * Adds chunks behind `from` of them, and the end with them. `[]` renews the lease, as each append does. What is there already is kept once. Throws `conflict` if chunks before
   * `from` are missing, and `lease_lost` if the token is not the one that is kept, or the stream has ended or is gone.
   */
  append(held: StreamLease, from: number, chunks: readonly SentChunk[], end?: SentEnd): Promise<Appended>;
  /**
   * What follows `after` chunks, at most `most` entries. Undefined: there is no such stream. `presentMs`: a reader is here for so long.
   */
  read(
    key: StreamKey,
    options: { after: number; most?: number; presentMs?: number },
  ): Promise<Page | undefined>;
  /** Asks the owner to end the stream. `pending`: it is recorded. `stopped`: the stream has ended. The first reason wins. */
  stop(key: StreamKey, reason: string): Promise<'pending' | 'stopped' | 'unknown'>;
  /** Ends a stream whose lease has been over for `graceMs`, and raises its token. False if that is not so. */
  settle(key: StreamKey, end: SentEnd, options: { graceMs: number }): Promise<boolean>;
  /** Wakes a waiter if there are chunks, or a stop. It is a hint: it may come for nothing or not at all. Returns a function that ends it. */
  watch(key: StreamKey, what: 'chunks' | 'stop', wake: () => void): () => void;
  /** The ids of the running streams of a session, the oldest first. */
  running(session: StreamKey): Promise<string[]>;
  /** Removes all streams of an owner. */
  forget(owner: string): Promise<void>;
  close(): Promise<void>;
}
