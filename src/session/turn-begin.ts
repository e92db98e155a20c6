import { isSluiceError } from '../errors.ts';
import type { Message } from '../messages.ts';
import { abortReason } from '../kit/abort.ts';
import type { HeldLease } from './held-lease.ts';
import { repaired, wholeTurns } from './repair.ts';
import { nothingToRunError } from './store-errors.ts';
import type { SessionState } from './store.ts';
import { reportRepair } from './told-repairs.ts';
import type { MessageRange } from './told-repairs.ts';
import type { TurnRequest } from './turn-request.ts';

/** A turn whose input is stored. */
export interface BegunTurn {
  /** What the model is to be asked. */
  readonly messages: readonly Message[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The session's, with the input. */
  readonly version: number;
  /** Which repairs the turn's warnings have reported, if that is to be stored. */
  readonly told: MessageRange | undefined;
}

/** What a turn finds under its lease. */
export interface FoundSession {
  readonly state: SessionState | undefined;
  /** Its input, where it was stored before. */
  readonly input: readonly Message[] | undefined;
}

/** Set in a session's metadata where its last reply was paused by the provider and is to be sent back, to go on. */
export const PAUSED = 'sluice.paused';

/** How often a turn loads again that another writer was faster than: an `update`, since the turn has the lease. */
const CONFLICTS = 5;

/** Loads the session, and looks for the input of a turn that the caller has named. */
export async function findSession(request: TurnRequest, turnId: string): Promise<FoundSession> {
  const { store, key, turnId: named, historyLimit } = request;
  const [state, stored] = await Promise.all([
    store.load(key, { last: historyLimit }),
    named === undefined ? undefined : store.turn(key, inputIdOf(turnId)),
  ]);
  return { state, input: stored?.messages };
}

/** Stores the caller's messages after what was found, unless this turn has stored them before. */
export async function beginTurn(
  request: TurnRequest,
  turnId: string,
  held: HeldLease,
  found: FoundSession,
): Promise<BegunTurn> {
  const { store, key, input, historyLimit } = request;
  if (found.input !== undefined || input.length === 0) return beginAgain(request, found);
  let { state } = found;
  for (let conflicts = 0; ; conflicts++) {
    const { metadata = {}, version = 0 } = state ?? {};
    const sent = followed(request, state, readOf(state), input);
    if (request.signal.aborted) throw abortReason(request.signal);
    try {
      const entries = input.map((message) => ({ message }));
      const { lease } = held;
      const options = { expectedVersion: version, turnId: inputIdOf(turnId), lease };
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

/** The stored conversation once more; the input is stored already, and is what is to be answered if there is any. */
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
 * Up to the message that is to be answered: without the replies that there are to it, unless the provider has only paused. `before` where it is not in
 * the window, which holds replies alone. Undefined if other turns came after the input: then the input is asked again.
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
    // A turn that is known by its input takes its rounds of tools back, too.
    return role === 'assistant' || (role === 'tool' && input.length > 0);
  };
  const isAsked = (): boolean => (input.length > 0 ? endsWith(messages.slice(0, end), input) : !isReply());
  while (!isAsked() && isReply()) end--;
  if (end === 0 && state !== undefined && isCut(state)) return 'before';
  return isAsked() ? messages.slice(0, end) : undefined;
}

/** What is read of a session. */
function readOf(state: SessionState | undefined): Message[] {
  if (state === undefined) return [];
  return isCut(state) ? wholeTurns(state.messages) : state.messages;
}

function isCut({ messages, messageCount }: SessionState): boolean {
  return messages.length < messageCount;
}

/** What was read of a session and what follows it, as valid input of a model. */
function followed(
  { warn }: TurnRequest,
  state: SessionState | undefined,
  read: readonly Message[],
  input: readonly Message[],
  lastReply?: 'paused',
): Pick<BegunTurn, 'messages' | 'told'> {
  const { messages, faults } = repaired(read, { followedBy: input, lastReply });
  const sent = [...messages, ...input];
  if (state === undefined) return { messages: sent, told: undefined };
  const from = state.messageCount - readOf(state).length;
  // A paused reply is not repaired yet.
  const to = from + read.length - (lastReply === 'paused' ? 1 : 0);
  const { warning, told } = reportRepair(faults, { from, to }, state);
  if (warning !== undefined) warn(warning);
  return { messages: sent, told };
}

function endsWith(messages: readonly Message[], end: readonly Message[]): boolean {
  const tail = messages.slice(Math.max(0, messages.length - end.length));
  return JSON.stringify(tail) === JSON.stringify(end);
}
