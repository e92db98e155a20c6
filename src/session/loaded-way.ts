import type { Message } from '../messages.ts';
import { wholeTurns } from './repair.ts';
import { placeOfMessage } from './store/message-id.ts';
import type { SessionState } from './store/store.ts';

/** Messages of a session, and how many come before them. */
export interface ReadMessages {
  readonly messages: readonly Message[];
  readonly from: number;
}

/** Whether the session has older messages than the loaded ones. */
export function isCut(state: SessionState | undefined): boolean {
  return state !== undefined && state.messages.length < state.messageCount;
}

/** The loaded messages up to one of them, or all, from the start of a turn on. */
export function readTo(state: SessionState | undefined, at?: number): ReadMessages {
  if (state === undefined) return { messages: [], from: 0 };
  const { messages: loaded, messageCount } = state;
  const upTo = at === undefined ? loaded : loaded.slice(0, at + 1);
  const messages = isCut(state) ? wholeTurns(upTo) : upTo;
  return { messages, from: messageCount - loaded.length + upTo.length - messages.length };
}

/** The place of the last loaded message that needs an answer; -1 if there is none. That is the last one, unless it ends a reply: then it is the one that this answers. */
export function lastAsked(state: SessionState | undefined): number {
  let at = (state?.messages.length ?? 0) - 1;
  if (state?.messages[at]?.role === 'tool') return at;
  while (at >= 0 && isOfReply(state, at)) at--;
  return at;
}

/** Whether other turns came after a loaded message: more than replies to it. */
export function hasOthersAfter(state: SessionState, at: number): boolean {
  return state.messages.some((_, after) => after > at && !isOfReply(state, after));
}

/** Whether a message is part of a reply. Results of tools are, if they were appended together with their reply, and not by the caller. */
function isOfReply(state: SessionState | undefined, at: number): boolean {
  const { messages = [], ids = [] } = state ?? {};
  const role = messages[at]?.role;
  if (role !== 'tool') return role === 'assistant';
  const isFirst = placeOfMessage(ids[at] ?? '')?.n === 0;
  return !isFirst && (at === 0 || isOfReply(state, at - 1));
}
