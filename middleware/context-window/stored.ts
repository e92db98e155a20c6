import * as z from 'zod';
import { contextKey, textOf } from '../../src/index.ts';
import type { ContextKey, ExecutionContext, Message } from '../../src/index.ts';
import type { Conversation } from './conversation.ts';

/** A summary as it is kept in the session: plain data. */
export interface StoredSummary {
  v: 1;
  text: string;
  /** How many messages it stands for, counted from the conversation's first, system messages aside. */
  messages: number;
  /** Marks of the first and the last of them: it counts only for the conversation that it was made of. */
  first: string;
  last: string;
}

/** Under this key the session, or the execution where there is none, keeps the summary of what has left the window. */
export const conversationSummary: ContextKey<StoredSummary> = contextKey('context-window.summary');

const schema: z.ZodType<StoredSummary> = z.object({
  v: z.literal(1),
  text: z.string().min(1),
  messages: z.int().min(1),
  first: z.string(),
  last: z.string(),
});

/** A summary and where it ends. */
export interface KnownSummary {
  stored: StoredSummary;
  /** The first turn that it does not stand for wholly; at most the newest. */
  until: number;
  /** It also stands for messages that were not loaded: the history begins behind its first one. */
  beyond: boolean;
}

/** The first messages of summaries: a window around another has put one there already. */
const requests = new WeakSet<Message>();

/**
 * A summary as a turn of its own: valid for servers that want user and assistant to take turns, and without the weight of a system message, for it
 * is made of what users and tools said.
 */
export function summaryTurn(text: string): [Message, Message] {
  const request: Message = { role: 'user', content: 'Summarize our conversation so far.' };
  requests.add(request);
  return [request, { role: 'assistant', content: text }];
}

/** The summary of this conversation, if there is one. One that another writer left broken is none. */
export function knownSummary(context: ExecutionContext, { turns }: Conversation): KnownSummary | undefined {
  const kept: unknown = context.get(conversationSummary) ?? context.session?.get(conversationSummary);
  const stored = schema.safeParse(kept).data;
  const spoken = turns.flatMap((turn) => turn.spoken);
  const [first] = spoken;
  if (stored === undefined || first === undefined || requests.has(first)) return undefined;
  const beyond = markOf(first) !== stored.first;
  // In what was loaded from somewhere on, the first message that looks like its last: it may say a thing twice, but leaves nothing out.
  const end = beyond ? spoken.findIndex((message) => markOf(message) === stored.last) : stored.messages - 1;
  const last = spoken[end];
  // Forked before its end, or changed.
  if (!beyond && (last === undefined || markOf(last) !== stored.last)) return undefined;
  return { stored, until: Math.min(turnsWithin(turns, end + 1), turns.length - 1), beyond };
}

/** Keeps a summary that stands for the turns before `until`, and for what an earlier one stood for. */
export function keepSummary(
  context: ExecutionContext,
  { turns }: Conversation,
  text: string,
  until: number,
  known: KnownSummary | undefined,
): void {
  const spoken = turns.slice(0, until).flatMap((turn) => turn.spoken);
  const [first, last] = [spoken[0], spoken.at(-1)];
  if (first === undefined || last === undefined || requests.has(first)) return;
  const earlier = known?.beyond === true ? known.stored : undefined;
  const covered = turns.slice(0, known?.until ?? 0).flatMap((turn) => turn.spoken).length;
  const summary: StoredSummary = {
    v: 1,
    text,
    messages: earlier === undefined ? spoken.length : earlier.messages + spoken.length - covered,
    first: earlier?.first ?? markOf(first),
    last: markOf(last),
  };
  context.set(conversationSummary, summary);
  context.session?.set(conversationSummary, summary);
}

/** How many turns lie wholly within the first `messages`. */
function turnsWithin(turns: Conversation['turns'], messages: number): number {
  let left = messages;
  const at = turns.findIndex(({ spoken }) => (left -= spoken.length) < 0);
  return at === -1 ? turns.length : at;
}

/** Tells a message from others, also when a store has brought its fields into another order (FNV-1a, 32 bit, beside the length). */
function markOf(message: Message): string {
  const ids =
    typeof message.content === 'string'
      ? []
      : message.content.flatMap((part) => ('id' in part ? [part.type, part.id] : []));
  const text = [message.role, textOf(message), ...ids].join('\n');
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return `${text.length}.${(hash >>> 0).toString(36)}`;
}
