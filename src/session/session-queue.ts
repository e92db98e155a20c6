import { SluiceError } from '../errors.ts';
import { reasonOf, throwIfAborted, unlessAborted } from './delay.ts';
import { sessionKey } from './check-key.ts';
import { sessionBusyError, sessionName } from './store-errors.ts';
import type { SessionKey, StateStore } from './store.ts';

/**
 * What a turn does that finds its session busy. `queue`: waits, first come, first served. `reject`: fails with `session_busy`.
 * `supersede`: ends the turns before it, the one that runs and those that wait, and takes their place.
 */
export type OnBusy = 'queue' | 'reject' | 'supersede';

/** Who asks for a session. */
export interface LineRequest {
  turnId: string;
  onBusy: OnBusy;
  maxQueuedTurns: number;
  signal: AbortSignal;
  /** Ends the turn that stands here, for one that supersedes it. */
  stop(this: void, error: SluiceError): void;
}

/** The head of the line. */
export interface Place {
  /** Lets the next one in. Idempotent. */
  leave(this: void): void;
}

interface Standing {
  turnId: string;
  stop(this: void, error: SluiceError): void;
  readonly entered: PromiseWithResolvers<void>;
  readonly left: PromiseWithResolvers<void>;
}

/** How long a turn that was superseded may take to store what it has, in milliseconds. */
const SUPERSEDE_MS = 5_000;

/** The turns of this process on each session, also those of different pipelines over one store; the first runs. */
const lines = new WeakMap<StateStore, Map<string, Standing[]>>();

/**
 * Waits until no other turn of this process is on the session. Undefined when the very same turn ran meanwhile: look for its result. Rejects with
 * `session_busy`, or with the signal's reason.
 */
export async function enterLine(
  store: StateStore,
  key: SessionKey,
  request: LineRequest,
): Promise<Place | undefined> {
  const { turnId, onBusy, maxQueuedTurns, signal, stop } = request;
  throwIfAborted(signal);
  const line = lineOf(store, key);
  const same = line.find((other) => other.turnId === turnId);
  if (same !== undefined) {
    await unlessAborted(same.left.promise, signal);
    return undefined;
  }
  const waiting = line.length - 1;
  if (onBusy === 'reject' && line.length > 0) throw sessionBusyError(key);
  if (onBusy === 'queue' && line.length > 0 && waiting >= maxQueuedTurns) throw tooMany(key, waiting);
  const mine: Standing = {
    turnId,
    stop,
    entered: Promise.withResolvers(),
    left: Promise.withResolvers(),
  };
  const before = [...line];
  line.push(mine);
  if (onBusy === 'supersede') for (const other of before) other.stop(supersededError(key));
  const leave = (): void => leaveLine(store, key, line, mine);
  if (line[0] !== mine) {
    const timer = onBusy === 'supersede' ? setTimeout(() => pushIn(line, mine), SUPERSEDE_MS) : undefined;
    try {
      await unlessAborted(mine.entered.promise, signal);
    } catch {
      leave();
      throw reasonOf(signal);
    } finally {
      clearTimeout(timer);
    }
  }
  return { leave };
}

function lineOf(store: StateStore, key: SessionKey): Standing[] {
  const sessions = lines.get(store) ?? new Map<string, Standing[]>();
  lines.set(store, sessions);
  const name = nameOf(key);
  const line = sessions.get(name) ?? [];
  sessions.set(name, line);
  return line;
}

function leaveLine(store: StateStore, key: SessionKey, line: Standing[], mine: Standing): void {
  const at = line.indexOf(mine);
  mine.left.resolve();
  if (at < 0) return;
  line.splice(at, 1);
  if (line.length === 0) lines.get(store)?.delete(nameOf(key));
  else if (at === 0) line[0]?.entered.resolve();
}

/** Past turns that were told to end and have not: the fencing token keeps what they still do from the session. */
function pushIn(line: Standing[], mine: Standing): void {
  for (const other of line.splice(0, line.indexOf(mine))) other.left.resolve();
  mine.entered.resolve();
}

function nameOf(key: SessionKey): string {
  const { owner, id } = sessionKey(key);
  return JSON.stringify([owner, id]);
}

function tooMany(key: SessionKey, waiting: number): SluiceError {
  return new SluiceError(
    'session_busy',
    `The ${sessionName(key)} is in use, and ${waiting} turns wait for it already: try again later.`,
    { retryable: true },
  );
}

function supersededError(key: SessionKey): SluiceError {
  return new SluiceError('aborted', `The turn was superseded by another of the ${sessionName(key)}.`);
}
