import type { SessionView } from '../context.ts';
import type { Decided } from '../decide.ts';
import { isSluiceError } from '../errors.ts';
import type { Message } from '../messages.ts';
import { abortReason } from '../kit/abort.ts';
import { otherBranchError } from './branch-errors.ts';
import { newId } from '../kit/new-id.ts';
import { withDeadline } from '../kit/wait.ts';
import { replyIdOf } from './input-id.ts';
import { takeLease } from './turn-lease.ts';
import type { TurnLease } from './turn-lease.ts';
import { SessionQueue } from './session-queue.ts';
import { isFinished, replayOf } from './replay.ts';
import type { FinishedTurn, Replay } from './replay.ts';
import { beginTurn, checkSameInput, findSession, foundWith, isBehind, storedBegin } from './turn-begin.ts';
import type { FoundSession } from './turn-begin.ts';
import { TurnReply } from './turn-reply.ts';
import type { TurnRequest } from './turn-request.ts';
import type { ReplyEnd } from './turn-reply.ts';
import { sessionView } from './session-view.ts';
import { leaseLostError, storeFailedError } from './store/store-errors.ts';
import type { StoredTurn } from './store/store.ts';
import type { StoredStep } from './steps/step.ts';
import { TurnRecord } from '../execution/turn-record.ts';
import type { ClaimableDecisions } from '../execution/turn-steps.ts';
import { StepWrites } from './steps/step-writes.ts';
import { withSaid } from './steps/said-messages.ts';
import { settle } from './steps/settle.ts';
import { turnDecided, unknownCallError } from './turn-decisions.ts';

/** One turn of a session. Nobody else writes to the session until the turn is over. */
export interface Turn {
  readonly id: string;
  /** The messages to send to the model: those of the session and those of the caller. */
  readonly messages: readonly Message[];
  readonly view: SessionView;
  /** The steps of the turn. Absent if it was finished before. */
  readonly record?: TurnRecord | undefined;
  /** The messages of the reply with what the user said while calls of the turn waited. */
  withSaid(messages: Message[]): Message[];
  /** Set if the turn was finished before: its stored reply is used, and no model is called. */
  readonly replay?: Replay | undefined;
  /** Stores the reply and frees the session. Never rejects. Resolves to the messages if they could not be stored. */
  finish(end: ReplyEnd): Promise<Message[] | undefined>;
  /** Frees the session. Idempotent. */
  release(): void;
}

/** What is known about a turn that the caller named. */
export interface KnownTurn {
  /** Its reply, if it is finished. */
  finished: FinishedTurn | undefined;
  /** The id under which its next reply is stored. */
  replyId: string;
}

/**
 * Waits for the session, loads it and stores the caller's messages, so that they are kept whatever happens next. A turn that was finished before is
 * not run again.
 */
export async function openTurn(request: TurnRequest): Promise<Turn> {
  try {
    return await open(request);
  } catch (error) {
    throw isSluiceError(error) ? error : storeFailedError('the beginning of a turn', error);
  }
}

async function open(request: TurnRequest): Promise<Turn> {
  const { store, key, onBusy, maxQueuedTurns, signal, abort } = request;
  const turnId = request.turnId ?? newId();
  for (;;) {
    // Decisions learn their turn when they have the lease.
    const known = request.decided === undefined ? await knownTurn(request, turnId) : undefined;
    if (known?.finished !== undefined) {
      checkSameInput(request, await storedBegin(request, turnId));
      return finishedTurn(request, turnId, known.finished);
    }
    const queue = SessionQueue.of(store.origin, key);
    const place = await queue.enter({ turnId, onBusy, maxQueuedTurns, signal, stop: abort });
    // The same turn ran in the meantime. Its result is stored now, unless it failed.
    if (place === undefined) continue;
    let lease: TurnLease | undefined;
    try {
      lease = await takeLease(request);
      const right = { lease, leave: place.leave };
      if (request.decided === undefined) return await openLeased(request, turnId, right);
      return await openDecided(request, request.decided, turnId, right);
    } catch (error) {
      await lease?.release();
      place.leave();
      throw error;
    }
  }
}

/** The right to a session: its place in the queue of this process, and its lease. */
interface Right {
  readonly lease: TurnLease;
  leave(this: void): void;
}

async function openLeased(request: TurnRequest, turnId: string, right: Right): Promise<Turn> {
  const { lease } = right;
  // In parallel, because nobody else can append now. Another process may have finished the turn while this one waited.
  const [known, stored] = await Promise.all([knownTurn(request, turnId), findSession(request, turnId)]);
  let found = stored;
  if (known.finished !== undefined) {
    checkSameInput(request, found.stored);
    await giveBack(right);
    return finishedTurn(request, turnId, known.finished);
  }
  if (request.signal.aborted) throw abortReason(request.signal);
  const open = found.state?.open;
  let earlier: readonly StoredStep[] = [];
  // A turn that was sent before may be open without being told: where another turn is open on the same message, or where others came after it.
  if (open === turnId) earlier = await stepsOfOpen(request, turnId);
  else if (found.stored !== undefined) earlier = await request.store.steps(request.key, turnId);
  if (earlier.length > 0 && open !== turnId && isBehind(request, found)) throw otherBranchError(request.key);
  if (earlier.length === 0 && open !== undefined && isBehind(request, found)) {
    const { replyId } = await knownTurn({ ...request, turnId: open }, open);
    const { version = 0, metadata = {} } = found.state ?? {};
    await settle(request, lease, { turnId: open, replyId, version, metadata });
    found = await findSession(request, turnId);
  }
  return beginLeased(request, right, { turnId, replyId: known.replyId, found, earlier });
}

/** The steps of a turn that is open, as the session has just said. If it has none now, somebody has taken the session since, and has ended the turn. */
async function stepsOfOpen({ store, key }: TurnRequest, turnId: string): Promise<readonly StoredStep[]> {
  const steps = await store.steps(key, turnId);
  if (steps.length === 0) throw leaseLostError(key);
  return steps;
}

/** Opens the turn whose calls were decided on. `by` is the id of the decisions. */
async function openDecided(request: TurnRequest, decided: Decided, by: string, right: Right): Promise<Turn> {
  const { store, key, historyLimit } = request;
  const state = await store.load(key, { last: historyLimit, ids: true });
  const earlier = state?.open === undefined ? [] : await stepsOfOpen(request, state.open);
  const found = await turnDecided(request, { by, on: decided.on }, state, earlier);
  const { turnId } = found;
  const named = { ...request, turnId };
  const [{ replyId, finished }, stored] = await Promise.all([
    knownTurn(named, turnId),
    storedBegin(named, turnId),
  ]);
  if (request.signal.aborted) throw abortReason(request.signal);
  if (found.state !== 'over') {
    const decisions = found.state === 'new' ? { ...decided, by } : undefined;
    const whole = await foundWith(named, state, stored);
    return beginLeased(named, right, { turnId, replyId, found: whole, earlier, decisions });
  }
  // A copy of the session remembers the decisions without their turn.
  if (finished === undefined) throw unknownCallError(key, Object.keys(decided.on).join(', '));
  await giveBack(right);
  return finishedTurn(request, turnId, finished);
}

/** What a turn begins or goes on with. */
interface Beginning {
  readonly turnId: string;
  readonly replyId: string;
  readonly found: FoundSession;
  readonly earlier: readonly StoredStep[];
  readonly decisions?: ClaimableDecisions | undefined;
}

async function beginLeased(
  request: TurnRequest,
  right: Right,
  { turnId, replyId, found, earlier, decisions }: Beginning,
): Promise<Turn> {
  const { lease } = right;
  const begun = await beginTurn(request, { turnId, lease }, found);
  const { view, changes } = sessionView(request.key, begun.metadata);
  const writes = new StepWrites(request, { turnId, lease, changes });
  const record = new TurnRecord({ turnId, earlier, store: writes, decisions });
  const reply = new TurnReply(request, lease, { replyId, changes, record, ...begun });
  // Named first: see docs/decisions/0009-what-the-collector-sees.md.
  const follows = (version: number): void => reply.follows(version);
  writes.onVersion = follows;
  return {
    id: turnId,
    messages: begun.messages,
    view,
    record,
    withSaid: (messages) => withSaid(messages, record.list),
    async finish(end) {
      const until = performance.now() + request.saveTimeoutMs;
      const unsaved = await reply.save(end, until);
      const released = giveBack(right);
      // Nothing is left to release if the reply is stored. Otherwise the consumer does not wait for it any longer than for the reply.
      const leftMs = until - performance.now();
      if (unsaved === undefined) await released;
      else if (leftMs > 0) await withDeadline(released, leftMs).catch(() => undefined);
      return unsaved;
    },
    release: () => void giveBack(right),
  };
}

async function giveBack({ lease, leave }: Right): Promise<void> {
  await lease.release();
  leave();
}

/** A turn that the caller named may have run before and failed. Each try stores its reply under an id of its own. */
export async function knownTurn(
  { store, key, turnId: named }: Pick<TurnRequest, 'store' | 'key' | 'turnId'>,
  turnId: string,
): Promise<KnownTurn> {
  for (let number = 1; ; number++) {
    const replyId = replyIdOf(turnId, number);
    const stored: StoredTurn | undefined = named === undefined ? undefined : await store.turn(key, replyId);
    if (stored === undefined) return { finished: undefined, replyId };
    if (isFinished(stored)) return { finished: stored, replyId };
  }
}

function finishedTurn({ key }: TurnRequest, id: string, stored: FinishedTurn): Turn {
  return {
    id,
    messages: [],
    view: sessionView(key, {}).view,
    replay: replayOf(stored),
    withSaid: (messages) => messages,
    finish: () => Promise.resolve(undefined),
    release: () => undefined,
  };
}
