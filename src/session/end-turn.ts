import { SluiceError, isSluiceError } from '../errors.ts';
import type { Message } from '../messages.ts';
import { cutShort } from '../partial.ts';
import { delay } from '../kit/wait.ts';
import { TurnRecord } from '../execution/turn-record.ts';
import { noUsage } from '../usage.ts';
import type { Cost, Usage } from '../usage.ts';
import { repaired } from './repair.ts';
import { ledgerOf } from './steps/ledger.ts';
import type { StoredStep } from './steps/step.ts';
import { StepWrites } from './steps/step-writes.ts';
import type { SessionKey, SessionState } from './store/store.ts';
import type { TimedStore } from './store/timed-store.ts';
import { knownTurn } from './turn.ts';
import { againIdOf, beginOf, storedBegin } from './turn-begin.ts';
import { takeLease } from './turn-lease.ts';
import type { TurnLease } from './turn-lease.ts';
import { TurnReply } from './turn-reply.ts';

/** A turn whose process died, as others have seen it. */
export interface LostTurn {
  /** The id of the turn, or of the decisions with which it went on. */
  turnId: string;
  /** How it ends for those who have read it. */
  outcome: 'failed' | 'cancelled';
  /** Why. */
  reason?: string | undefined;
  /** What had come of its reply, without what was void, as {@link Accumulator} makes messages of chunks. */
  messages: readonly Message[];
  /** What it has used and what that cost. Default: nothing, as an estimate. */
  usage?: Usage | undefined;
  cost?: Cost | undefined;
}

/**
 * What became of it. `stored`: the session has it now. `known`: there is nothing to store, or the session has its reply already, or what came later. `unknown`: there is no such session, or it
 * does not have the turn.
 */
export type LostTurnEnd = 'stored' | 'known' | 'unknown';

type NotStored = Exclude<LostTurnEnd, 'stored'>;

/** What the end of a lost turn needs of its pipeline. */
export interface EndRequest {
  readonly store: TimedStore;
  readonly key: SessionKey;
  readonly leaseMs: number;
  readonly saveTimeoutMs: number;
}

/** Where a turn stands that nothing follows. */
interface LostPlace {
  /** Its own id, also if the caller gave that of decisions. */
  readonly turnId: string;
  readonly state: SessionState;
  /** Its steps, if it has some: then it stays open. */
  readonly steps: readonly StoredStep[];
  /** Whether nothing was written to the session after the turn began. */
  readonly isNewest: boolean;
}

/** How long a lease that somebody has may be that of a turn which begins now, in milliseconds: it would write to the session at once. And the time between two looks. */
const PATIENCE_MS = 200;
const LOOK_MS = 50;

/** What nobody knows. */
const UNKNOWN = {
  usage: { ...noUsage(), estimated: true },
  cost: { status: 'estimated', totalUsd: 0 },
} as const;

/**
 * Stores what readers have seen of a turn whose process died, as that process does if a turn fails: the messages of the reply, or of a turn with steps the reply that was under way. It takes
 * the session from the dead process, so that nothing of that is stored later.
 *
 * It may be called again, and by several processes at once: what they store is there once. Nothing is stored behind messages that came later.
 *
 * Rejects with `store` if the store fails, and with `lease_lost` if somebody takes the session in the meantime.
 */
export async function endLostTurn(request: EndRequest, lost: LostTurn): Promise<LostTurnEnd> {
  const lease = await leaseOfLost(request, lost.turnId);
  if (typeof lease === 'string') return lease;
  try {
    // Again, because whoever had the lease may have written until now.
    const now = await placeOf(request, lost.turnId);
    if (typeof now === 'string') return now;
    return now.steps.length > 0
      ? await recordCut(request, lost, now, lease)
      : await appendReply(request, lost, now, lease);
  } finally {
    await lease.release();
  }
}

/** Where the turn stands. `known`: the newest message is not the one that it answers. */
async function placeOf({ store, key }: EndRequest, turnId: string): Promise<LostPlace | NotStored> {
  const state = await store.load(key, { last: 1, ids: true });
  if (state === undefined) return 'unknown';
  const { open, version } = state;
  const steps = open === undefined ? [] : await store.steps(key, open);
  const isOpen = open === turnId || isDecidedBy(steps, turnId);
  const id = isOpen && open !== undefined ? open : turnId;
  const begun = await storedBegin({ store, key, turnId: id }, id);
  if (begun === undefined) return 'unknown';
  if (!isOpen && state.ids?.at(-1) !== beginOf(begun)) return 'known';
  const isNewest =
    version === begun.version || (await store.turn(key, againIdOf(id, version - 1))) !== undefined;
  return { turnId: id, state, steps: isOpen ? steps : [], isNewest };
}

function isDecidedBy(steps: readonly StoredStep[], by: string): boolean {
  return steps.some(({ step }) => step.kind === 'decision' && step.by === by);
}

/**
 * Takes the session. If the turn has begun last, a lease is that of its dead process, or of a turn that begins at this moment. If something was written since, it may be that of a turn which
 * answers the same message: then this waits until the dead process cannot have it any more.
 */
async function leaseOfLost(request: EndRequest, turnId: string): Promise<TurnLease | NotStored> {
  const begunAt = performance.now();
  // Whoever takes the session away has it to write: the store refuses this one then.
  const asked = { ...request, signal: new AbortController().signal, abort: () => undefined };
  for (;;) {
    const place = await placeOf(request, turnId);
    if (typeof place === 'string') return place;
    const passedMs = performance.now() - begunAt;
    const onBusy = place.isNewest && passedMs >= PATIENCE_MS ? 'supersede' : 'reject';
    try {
      return await takeLease({ ...asked, onBusy });
    } catch (error) {
      if (!isSluiceError(error) || error.code !== 'session_busy') throw error;
    }
    if (passedMs > request.leaseMs + PATIENCE_MS) return 'known';
    await delay(LOOK_MS);
  }
}

/** Stores the messages of the reply, as those of a turn that failed. */
async function appendReply(
  { store, key, saveTimeoutMs }: EndRequest,
  lost: LostTurn,
  { turnId, state }: LostPlace,
  lease: TurnLease,
): Promise<LostTurnEnd> {
  const messages = cutShort(lost.messages);
  if (repaired(messages).messages.length === 0) return 'known';
  const { outcome, reason, usage = UNKNOWN.usage, cost = UNKNOWN.cost } = lost;
  const { replyId } = await knownTurn({ store, key, turnId }, turnId);
  let why = '';
  const warn = (message: string): void => void (why = message);
  const { metadata, version } = state;
  const reply = new TurnReply({ store, key, warn }, lease, {
    ...{ replyId, metadata, version, messages: [], reported: undefined },
    ...{ changes: new Map<string, unknown>(), record: new TurnRecord({ turnId }) },
  });
  const end = { outcome, reason, usage, cost, messages, isWaiting: false };
  const unsaved = await reply.save(end, performance.now() + saveTimeoutMs);
  if (unsaved === undefined) return 'stored';
  throw lease.lost ?? new SluiceError('store', why);
}

/** Records that the last run of a turn with steps has ended, with the reply that was under way. The turn stays open. */
async function recordCut(
  { store, key }: EndRequest,
  lost: LostTurn,
  { turnId, steps }: LostPlace,
  lease: TurnLease,
): Promise<LostTurnEnd> {
  const { rounds, cut } = ledgerOf(steps);
  // A run says all rounds that are stored, from the first one on. What comes after them was under way.
  const message = lost.messages.filter(({ role }) => role === 'assistant')[rounds.length];
  if (message === undefined || isSame(message, cut?.message)) return 'known';
  const { usage = UNKNOWN.usage, cost = UNKNOWN.cost } = lost;
  const writes = new StepWrites({ store, key }, { turnId, lease, changes: new Map() });
  const record = new TurnRecord({ turnId, earlier: steps, store: writes });
  record.underWay = () => message;
  record.takeSpent = () => ({ usage, cost });
  await record.cut(lost.outcome);
  return 'stored';
}

function isSame(one: Message, other: Message | undefined): boolean {
  return JSON.stringify(one.content) === JSON.stringify(other?.content);
}
