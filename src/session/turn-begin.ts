import { isSluiceError } from '../errors.ts';
import type { Message } from '../messages.ts';
import { abortReason } from '../kit/abort.ts';
import { otherBranchError, laterTurnsError } from './branch-errors.ts';
import { editedWay } from './edited-way.ts';
import { inputIdOf } from './input-id.ts';
import { hasOthersAfter, isCut, lastAsked, readTo } from './loaded-way.ts';
import type { ReadMessages } from './loaded-way.ts';
import type { TurnLease } from './turn-lease.ts';
import { repaired } from './repair.ts';
import { nothingToRunError, otherInputError } from './store/store-errors.ts';
import type { SessionState, StoredTurn } from './store/store.ts';
import { reportRepair } from './repair-report.ts';
import type { MessageRange } from './repair-report.ts';
import type { TurnRequest } from './turn-request.ts';

/** A turn whose input is stored. */
export interface BegunTurn {
  /** The messages to send to the model. */
  readonly messages: readonly Message[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The version of the session after the input was stored. */
  readonly version: number;
  /** Which messages the turn's warnings have reported as repaired; undefined if nothing has to be stored about it. */
  readonly reported: MessageRange | undefined;
}

/** What a turn finds in the store after it has the lease. */
export interface FoundSession {
  readonly state: SessionState | undefined;
  /** How the turn has begun, if it was sent before: its input, or without messages the one that it answers anew. */
  readonly stored: StoredTurn | undefined;
}

/** A turn that has the lease. */
interface LeasedTurn {
  readonly turnId: string;
  readonly lease: TurnLease;
}

/** What an append at the beginning of a turn is: its input, or that its message is answered again after a failure. */
type Begin = 'input' | 'again';

/** Metadata key that is set if the provider paused its last reply, which has to be sent back for it to continue. */
export const PAUSED = 'sluice.paused';

/** How often a turn tries to store its beginning after a conflict. Only an `update` can cause one, because the turn has the lease. */
const CONFLICTS = 5;

/** Loads the session, and how the turn has begun if the caller named the turn. */
export async function findSession(request: TurnRequest, turnId: string): Promise<FoundSession> {
  const { store, key, historyLimit: last, input, replaces } = request;
  const ids = input.length === 0 || replaces !== undefined ? { ids: true } : {};
  const [state, stored] = await Promise.all([
    store.load(key, { last, ...ids }),
    storedBegin(request, turnId),
  ]);
  return foundWith(request, state, stored);
}

/** A loaded session, in which a turn that was sent before finds how it has begun. */
export async function foundWith(
  { store, key, historyLimit: last }: TurnRequest,
  state: SessionState | undefined,
  stored: StoredTurn | undefined,
): Promise<FoundSession> {
  if (stored === undefined || state === undefined) return { state, stored };
  const again = state.ids === undefined ? await store.load(key, { last, ids: true }) : state;
  // What it has stored may be older than the loaded messages.
  const isThere = again?.ids?.includes(stored.ids[0] ?? beginOf(stored)) ?? true;
  return { state: isThere || !isCut(again) ? again : await store.load(key, { ids: true }), stored };
}

/** How the turn has begun, if it was sent before. Only of a turn that the caller named. */
export async function storedBegin(
  { store, key, turnId: named }: Pick<TurnRequest, 'store' | 'key' | 'turnId'>,
  turnId: string,
): Promise<StoredTurn | undefined> {
  return named === undefined ? undefined : store.turn(key, inputIdOf(turnId));
}

/** Throws a `conflict` if a turn that is sent again has other messages than those that are stored. */
export function checkSameInput({ key, input }: TurnRequest, stored: StoredTurn | undefined): void {
  if (stored === undefined || input.length === 0) return;
  if (JSON.stringify(stored.messages) !== JSON.stringify(input)) throw otherInputError(key);
}

/** Whether the turn comes after all that is loaded, so that an open turn there has to be settled. Otherwise it takes its place beside that. */
export function isBehind({ input, replaces }: TurnRequest, { state, stored }: FoundSession): boolean {
  if (stored === undefined) return input.length > 0 && replaces === undefined;
  const at = state?.ids?.indexOf(beginOf(stored)) ?? -1;
  return state !== undefined && at >= 0 && hasOthersAfter(state, at);
}

/** Stores the caller's messages, or which message is answered anew, unless this turn has stored that before. */
export async function beginTurn(
  request: TurnRequest,
  turn: LeasedTurn,
  { state, stored }: FoundSession,
): Promise<BegunTurn> {
  const { input, replaces } = request;
  checkSameInput(request, stored);
  if (stored !== undefined) return goOn(request, turn, { state, stored });
  if (replaces !== undefined) {
    const { before, parent } = await editedWay(request, replaces, state);
    const sent = sentOf(request, before, readTo(before), input);
    return { ...sent, ...(await append(request, turn, before, parent)) };
  }
  if (input.length === 0) return regenerate(request, turn, state);
  const sent = sentOf(request, state, readTo(state), input);
  return { ...sent, ...(await append(request, turn, state)) };
}

/** The id of the message that a turn answers which was sent before. */
export function beginOf({ ids, after = '' }: StoredTurn): string {
  return ids.at(-1) ?? after;
}

/** Answers the last message that needs an answer, in place of the reply that it has, or lets the provider continue a reply that it has paused. */
async function regenerate(
  request: TurnRequest,
  turn: LeasedTurn,
  loaded: SessionState | undefined,
): Promise<BegunTurn> {
  const { store, key } = request;
  let state = loaded;
  // Not if another branch, or a message after it, is the newest.
  if (isPaused(state)) {
    const { metadata, version } =
      request.turnId === undefined ? state : await append(request, turn, state, state.ids?.at(-1));
    return { ...sentOf(request, state, readTo(state), [], 'paused'), metadata, version };
  }
  if (isCut(state) && readTo(state, lastAsked(state)).messages.length === 0)
    state = await store.load(key, { ids: true });
  if (state === undefined || lastAsked(state) < 0) throw nothingToRunError(key);
  return answer(request, turn, state, lastAsked(state));
}

/** Goes on with a turn that was sent before. */
async function goOn(
  request: TurnRequest,
  turn: LeasedTurn,
  { state, stored }: { state: SessionState | undefined; stored: StoredTurn },
): Promise<BegunTurn> {
  const { key } = request;
  const at = state?.ids?.indexOf(beginOf(stored)) ?? -1;
  if (state === undefined || at < 0) throw otherBranchError(key);
  if (isPaused(state) && at === state.messages.length - 1) {
    const { metadata, version } = state;
    return { ...sentOf(request, state, readTo(state), [], 'paused'), metadata, version };
  }
  if (!hasOthersAfter(state, at)) return answer(request, turn, state, at, 'again');
  if (stored.messages.length === 0) throw laterTurnsError(key);
  const { metadata, version } = state;
  return { ...sentOf(request, state, readTo(state), stored.messages), metadata, version };
}

/** The id of the append with which a turn moves back to its message. `version`: that of the session before it. */
export function againIdOf(turnId: string, version: number): string {
  return `${turnId}.again.${version}`;
}

/** Answers a message anew. What followed it becomes a branch of its own, and an open turn keeps its place. */
async function answer(
  request: TurnRequest,
  turn: LeasedTurn,
  state: SessionState,
  at: number,
  which: Begin = 'input',
): Promise<BegunTurn> {
  const { metadata, version, open } = state;
  const sent = sentOf(request, state, readTo(state, at), []);
  const isOthers = open !== undefined && open !== turn.turnId;
  // A turn that the caller names says where it begins, so that its end can be stored if its process dies.
  const isSaid = which === 'again' || request.turnId === undefined;
  if (at === state.messages.length - 1 && !isOthers && isSaid) return { ...sent, metadata, version };
  return { ...sent, ...(await append({ ...request, input: [] }, turn, state, state.ids?.[at], which)) };
}

/** Whether the newest message is a reply that the provider has paused. */
function isPaused(state: SessionState | undefined): state is SessionState {
  return state?.metadata[PAUSED] === true && state.messages.at(-1)?.role === 'assistant';
}

/** Stores the beginning of a turn, also after an `update` by somebody else. */
async function append(
  { store, key, input, signal }: TurnRequest,
  { turnId, lease }: LeasedTurn,
  state: SessionState | undefined,
  after?: string,
  which: Begin = 'input',
): Promise<Pick<BegunTurn, 'metadata' | 'version'>> {
  const entries = input.map((message) => ({ message }));
  let now = state;
  for (let conflicts = 0; ; conflicts++) {
    const { metadata = {}, version: expectedVersion = 0 } = now ?? {};
    if (signal.aborted) throw abortReason(signal);
    try {
      // A turn may be moved back to its message several times, each at another version.
      const id = which === 'input' ? inputIdOf(turnId) : againIdOf(turnId, expectedVersion);
      const given = { turnId: id, after, expectedVersion, lease: lease.timed };
      return { metadata, version: await store.append(key, entries, given) };
    } catch (error) {
      if (conflicts >= CONFLICTS || !isSluiceError(error) || error.code !== 'conflict') throw error;
    }
    now = await store.load(key, { last: 0 });
  }
}

/** The messages that were read and the new input, as input that a model accepts. */
function sentOf(
  { warn }: TurnRequest,
  state: SessionState | undefined,
  read: ReadMessages,
  input: readonly Message[],
  lastReply?: 'paused',
): Pick<BegunTurn, 'messages' | 'reported'> {
  const { messages, faults } = repaired(read.messages, { followedBy: input, lastReply });
  const sent = [...messages, ...input];
  if (state === undefined) return { messages: sent, reported: undefined };
  const messageCount = read.from + read.messages.length;
  // A paused reply is not repaired yet.
  const to = messageCount - (lastReply === 'paused' ? 1 : 0);
  const session = { metadata: state.metadata, messageCount };
  const { warning, reported } = reportRepair(faults, { from: read.from, to }, session);
  if (warning !== undefined) warn(warning);
  return { messages: sent, reported };
}
