import { isSluiceError } from '../errors.ts';
import type { Message } from '../messages.ts';
import { abortReason } from '../kit/abort.ts';
import type { TurnLease } from './turn-lease.ts';
import { repaired, wholeTurns } from './repair.ts';
import { nothingToRunError, otherInputError } from './store/store-errors.ts';
import type { SessionState } from './store/store.ts';
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
  /** The input of the turn, if it was stored before. */
  readonly input: readonly Message[] | undefined;
}

/** Metadata key that is set if the provider paused its last reply, which has to be sent back for it to continue. */
export const PAUSED = 'sluice.paused';

/** How often a turn loads the session again after a conflict. Only an `update` can cause one, because the turn has the lease. */
const CONFLICTS = 5;

/** Loads the session, and the stored input of the turn if the caller named the turn. */
export async function findSession(request: TurnRequest, turnId: string): Promise<FoundSession> {
  const { store, key, historyLimit } = request;
  const [state, input] = await Promise.all([
    store.load(key, { last: historyLimit }),
    storedInput(request, turnId),
  ]);
  return { state, input };
}

/** The input of the turn, if it was stored before. Only of a turn that the caller named. */
export async function storedInput(
  { store, key, turnId: named }: TurnRequest,
  turnId: string,
): Promise<Message[] | undefined> {
  if (named === undefined) return undefined;
  return (await store.turn(key, inputIdOf(turnId)))?.messages;
}

/** Throws a `conflict` if a turn that is sent again has other messages than those that are stored. */
export function checkSameInput({ key, input }: TurnRequest, stored: readonly Message[] | undefined): void {
  if (stored === undefined || input.length === 0 || isSame(stored, input)) return;
  throw otherInputError(key);
}

/** Stores the caller's messages, unless this turn has stored them before. */
export async function beginTurn(
  request: TurnRequest,
  turnId: string,
  lease: TurnLease,
  found: FoundSession,
): Promise<BegunTurn> {
  const { store, key, input, historyLimit } = request;
  checkSameInput(request, found.input);
  if (found.input !== undefined || input.length === 0) return beginAgain(request, found);
  let { state } = found;
  for (let conflicts = 0; ; conflicts++) {
    const { metadata = {}, version = 0 } = state ?? {};
    const sent = followed(request, state, readOf(state), input);
    if (request.signal.aborted) throw abortReason(request.signal);
    try {
      const entries = input.map((message) => ({ message }));
      const options = { expectedVersion: version, turnId: inputIdOf(turnId), lease: lease.timed };
      const stored = await store.append(key, entries, options);
      return { ...sent, metadata, version: stored };
    } catch (error) {
      if (conflicts >= CONFLICTS || !isSluiceError(error) || error.code !== 'conflict') throw error;
    }
    state = await store.load(key, { last: historyLimit });
  }
}

function inputIdOf(turnId: string): string {
  return `${turnId}.input`;
}

/** Runs the stored conversation again. The input, if there is any, is stored already and still has to be answered. */
async function beginAgain(request: TurnRequest, found: FoundSession): Promise<BegunTurn> {
  const { store, key, historyLimit } = request;
  const { input = [] } = found;
  let { state } = found;
  if (historyLimit !== undefined && input.length > historyLimit)
    state = await store.load(key, { last: input.length });
  let asked = askedIn(state, input);
  if (asked === 'before') {
    state = await store.load(key);
    asked = askedIn(state, input);
  }
  const { metadata = {}, version = 0 } = state ?? {};
  const lastReply = metadata[PAUSED] === true ? 'paused' : undefined;
  const sent = Array.isArray(asked)
    ? followed(request, state, asked, [], lastReply)
    : followed(request, state, readOf(state), input);
  if (sent.messages.length === 0) throw nothingToRunError(key);
  return { ...sent, metadata, version };
}

/**
 * The messages up to the one to answer, without its existing replies, unless the provider has only paused. `before` if the message is older than the
 * loaded ones, which are all replies. Undefined if other turns came after the input: the input is then sent again.
 */
function askedIn(
  state: SessionState | undefined,
  input: readonly Message[],
): Message[] | 'before' | undefined {
  const messages = readOf(state);
  if (state?.metadata[PAUSED] === true && input.length === 0) return messages;
  let end = messages.length;
  const isReply = (): boolean => {
    const role = messages[end - 1]?.role;
    // If the input is known, rounds of tools after it belong to the old reply, too.
    return role === 'assistant' || (role === 'tool' && input.length > 0);
  };
  const isAsked = (): boolean => (input.length > 0 ? endsWith(messages.slice(0, end), input) : !isReply());
  while (!isAsked() && isReply()) end--;
  if (end === 0 && state !== undefined && isCut(state)) return 'before';
  return isAsked() ? messages.slice(0, end) : undefined;
}

/** The loaded messages of a session, from the start of a turn on. */
function readOf(state: SessionState | undefined): Message[] {
  if (state === undefined) return [];
  return isCut(state) ? wholeTurns(state.messages) : state.messages;
}

function isCut({ messages, messageCount }: SessionState): boolean {
  return messages.length < messageCount;
}

/** The loaded messages and the new input, as input that a model accepts. */
function followed(
  { warn }: TurnRequest,
  state: SessionState | undefined,
  read: readonly Message[],
  input: readonly Message[],
  lastReply?: 'paused',
): Pick<BegunTurn, 'messages' | 'reported'> {
  const { messages, faults } = repaired(read, { followedBy: input, lastReply });
  const sent = [...messages, ...input];
  if (state === undefined) return { messages: sent, reported: undefined };
  const from = state.messageCount - readOf(state).length;
  // A paused reply is not repaired yet.
  const to = from + read.length - (lastReply === 'paused' ? 1 : 0);
  const { warning, reported } = reportRepair(faults, { from, to }, state);
  if (warning !== undefined) warn(warning);
  return { messages: sent, reported };
}

function endsWith(messages: readonly Message[], end: readonly Message[]): boolean {
  return isSame(messages.slice(Math.max(0, messages.length - end.length)), end);
}

/** Whether messages are the same data. */
function isSame(some: readonly Message[], others: readonly Message[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}
