import type { DecisionsByCall } from '../decide.ts';
import { SluiceError } from '../errors.ts';
import { pastCalls, verdictOf } from './past-decisions.ts';
import type { PastCall } from './past-decisions.ts';
import { ledgerOf } from './steps/ledger.ts';
import type { Decision, DecisionStep, StoredStep } from './steps/step.ts';
import { callElsewhereError } from './branch-errors.ts';
import type { TurnRequest } from './turn-request.ts';
import { sessionName } from './store/store-errors.ts';
import type { SessionKey, SessionState } from './store/store.ts';

/** Decisions with their id. */
interface AskedDecisions {
  readonly by: string;
  readonly on: DecisionsByCall;
}

/** The turn that decisions are about. `new`: its calls wait. `made`: these decisions are recorded already. `over`: the turn has ended since. */
export interface TurnOfDecisions {
  readonly turnId: string;
  readonly state: 'new' | 'made' | 'over';
}

/** What a session knows of its calls. */
interface Known {
  readonly key: SessionKey;
  readonly open: string | undefined;
  /** The calls of the open turn, and those of them that wait. */
  readonly calls: ReadonlySet<string>;
  readonly waiting: ReadonlySet<string>;
  /** The decisions in its steps, by their calls. */
  readonly made: ReadonlyMap<string, readonly DecisionStep[]>;
  /** The calls of turns that are over, by their ids. */
  readonly past: ReadonlyMap<string, readonly PastCall[]>;
}

/**
 * Finds the turn whose calls were decided on. `steps`: those of the session's open turn. Throws `conflict` if another decision has come first, or if the turn is open on
 * another branch, and `invalid_request` for calls that are unknown, do not wait or were withdrawn.
 */
export async function turnDecided(
  { store, key }: TurnRequest,
  asked: AskedDecisions,
  state: SessionState | undefined,
  steps: readonly StoredStep[],
): Promise<TurnOfDecisions> {
  try {
    return turnOfDecisions(key, asked, state, steps);
  } catch (error) {
    for (const { open } of state === undefined ? [] : await store.branches(key)) {
      if (open === undefined || open === state?.open) continue;
      const { calls } = ledgerOf(await store.steps(key, open));
      const callId = Object.keys(asked.on).find((one) => calls.has(one));
      if (callId !== undefined) throw callElsewhereError(key, callId);
    }
    throw error;
  }
}

function turnOfDecisions(
  key: SessionKey,
  { by, on }: AskedDecisions,
  state: SessionState | undefined,
  steps: readonly StoredStep[],
): TurnOfDecisions {
  const { calls, pending } = ledgerOf(steps);
  const known: Known = {
    key,
    open: state?.open,
    calls: new Set(calls.keys()),
    waiting: new Set(pending.map(({ callId }) => callId)),
    made: byCall(steps.flatMap(({ step }) => (step.kind === 'decision' ? [step] : []))),
    past: byCall(pastCalls(state?.metadata ?? {})),
  };
  const [first, ...others] = Object.entries(on).map(([callId, decision]) =>
    find(known, callId, by, decision),
  );
  if (first === undefined || others.some((one) => one.state !== first.state || one.turnId !== first.turnId))
    throw conflict(
      `The decision ${JSON.stringify(by)} was made on other calls before`,
      'take another turnId for these',
    );
  return first;
}

function find(known: Known, callId: string, by: string, decision: Decision): TurnOfDecisions {
  const { key, open, calls, waiting } = known;
  if (open !== undefined) {
    const made = known.made.get(callId) ?? [];
    const mine = made.find((step) => step.by === by);
    if (mine !== undefined) {
      if (!isSame(mine.decision, decision)) throw otherwise(callId, by);
      return { turnId: open, state: 'made' };
    }
    if (waiting.has(callId)) return { turnId: open, state: 'new' };
    if (made.length > 0) throw decidedBefore(key, callId);
    if (calls.has(callId))
      throw refused(key, callId, 'does not wait for a decision: decide on those in result.pending');
  }
  return findPast(known, callId, by, decision);
}

function findPast({ key, past }: Known, callId: string, by: string, decision: Decision): TurnOfDecisions {
  const known = past.get(callId) ?? [];
  const mine = known.find((call) => call.by === by);
  if (mine !== undefined) {
    if (mine.verdict !== verdictOf(decision)) throw otherwise(callId, by);
    return { turnId: mine.turnId, state: 'over' };
  }
  if (known.some((call) => call.by !== undefined)) throw decidedBefore(key, callId);
  if (known.length > 0)
    throw refused(
      key,
      callId,
      'was not decided on in time and is withdrawn: a later message has taken its place',
    );
  throw unknownCallError(key, callId);
}

function byCall<T extends { readonly callId: string }>(
  list: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(list, ({ callId }) => callId);
}

/** Whether a decision that is recorded says what is asked now. A recorded result is in its normal form, and is not compared. */
function isSame(made: Decision, asked: Decision): boolean {
  if ('result' in made) return 'result' in asked;
  return JSON.stringify(made) === JSON.stringify(asked);
}

/** `invalid_request`: no call of that id waits in the session, or ever has, as far as it remembers. */
export function unknownCallError(key: SessionKey, callId: string): SluiceError {
  return refused(
    key,
    callId,
    'is not known there: decide on those in result.pending, with the key of their session',
  );
}

/**
 * Throws `invalid_request` if a message brings the result of a call of an open turn. Results of calls that wait are decisions: the message would withdraw the call, and nobody would see its
 * result. `steps`: those of the open turn.
 */
export function checkNoResults({ key, input }: TurnRequest, steps: readonly StoredStep[]): void {
  const given = input.flatMap(({ content }) =>
    typeof content === 'string'
      ? []
      : content.flatMap((part) =>
          part.type === 'tool_result' && part.providerExecuted !== true ? [part.id] : [],
        ),
  );
  if (given.length === 0) return;
  const { calls, pending } = ledgerOf(steps);
  const waiting = given.find((id) => pending.some(({ callId }) => callId === id));
  if (waiting !== undefined)
    throw refused(
      key,
      waiting,
      `waits for a decision, so its result cannot come as a message: send decide({ [callId]: { result } }) in its place`,
    );
  const open = given.find((id) => calls.has(id));
  if (open !== undefined)
    throw refused(
      key,
      open,
      'is in a turn that has not ended: decide on the calls of that turn that wait, or send it again, before you send this result',
    );
}

function refused(key: SessionKey, callId: string, why: string): SluiceError {
  return new SluiceError('invalid_request', `The call ${shown(callId)} of the ${sessionName(key)} ${why}.`);
}

function decidedBefore(key: SessionKey, callId: string): SluiceError {
  return conflict(
    `The call ${shown(callId)} of the ${sessionName(key)} was decided on before`,
    'a decision is used once',
  );
}

function otherwise(callId: string, by: string): SluiceError {
  return conflict(
    `The decision ${shown(by)} on the call ${shown(callId)} was another one before`,
    'send the same again, or take another turnId for it',
  );
}

function conflict(what: string, advice: string): SluiceError {
  return new SluiceError('conflict', `${what}: ${advice}.`);
}

/** An id of the caller, which may have any length. */
function shown(id: string): string {
  return JSON.stringify(id.slice(0, 80));
}
