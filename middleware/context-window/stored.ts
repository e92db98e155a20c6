import * as z from 'zod';
import { contextKey, textOf } from '../../src/index.ts';
import type { ContextKey, ExecutionContext, Message, SessionView } from '../../src/index.ts';
import type { Conversation } from './conversation.ts';

/** A summary as it is stored with the session: plain data. */
export interface StoredSummary {
  v: 1;
  text: string;
  /** How many messages it replaces, from the first of the conversation on, not counting system messages. */
  messages: number;
  /** Hashes of the first and the last of them. They show whether it belongs to a conversation. */
  first: string;
  last: string;
}

/** The key under which the session keeps the summary of what has left the window. Without a session the execution does. */
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
  /** The first turn that it does not replace completely; at most the newest. */
  until: number;
  /** It also replaces messages that were not loaded: the loaded history starts after its first message. */
  beyond: boolean;
}

/** The first messages of summary turns. With them a window inside another one recognizes the summary of the outer one. */
const requests = new WeakSet<Message>();

/**
 * A summary as a turn of its own. Servers that require alternating roles accept it, and it does not have the authority of a system message, because
 * users and tools said what it is made of.
 */
export function summaryTurn(text: string): [Message, Message] {
  const request: Message = { role: 'user', content: 'Summarize our conversation so far.' };
  requests.add(request);
  return [request, { role: 'assistant', content: text }];
}

/** The summary of this conversation, if there is one. A broken one is ignored. */
export function knownSummary(context: ExecutionContext, { turns }: Conversation): KnownSummary | undefined {
  const kept: unknown = context.get(conversationSummary) ?? sessionOf(context)?.get(conversationSummary);
  const stored = schema.safeParse(kept).data;
  const spoken = turns.flatMap((turn) => turn.spoken);
  const [first] = spoken;
  if (stored === undefined || first === undefined || requests.has(first)) return undefined;
  const beyond = hashOf(first) !== stored.first;
  // If only a part was loaded, the first message that equals its last one: something may be said twice, but nothing is left out.
  const end = beyond ? spoken.findIndex((message) => hashOf(message) === stored.last) : stored.messages - 1;
  const last = spoken[end];
  // The session was forked before the end of the summary, or changed.
  if (!beyond && (last === undefined || hashOf(last) !== stored.last)) return undefined;
  return { stored, until: Math.min(turnsWithin(turns, end + 1), turns.length - 1), beyond };
}

/** Stores a summary that replaces the turns before `until`, and what an earlier summary replaced. */
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
    first: earlier?.first ?? hashOf(first),
    last: hashOf(last),
  };
  context.set(conversationSummary, summary);
  sessionOf(context)?.set(conversationSummary, summary);
}

/** The session of this conversation. An agent inside a call has a conversation of its own, which is not that of the session. */
function sessionOf(context: ExecutionContext): SessionView | undefined {
  const { session } = context;
  return session === undefined || context.steps.path !== undefined ? undefined : session;
}

/** How many turns are completely within the first `messages`. */
function turnsWithin(turns: Conversation['turns'], messages: number): number {
  let left = messages;
  const at = turns.findIndex(({ spoken }) => (left -= spoken.length) < 0);
  return at === -1 ? turns.length : at;
}

/** A hash of a message (its length, and 32-bit FNV-1a) that does not depend on the order in which a store returns its fields. */
function hashOf(message: Message): string {
  const ids =
    typeof message.content === 'string'
      ? []
      : message.content.flatMap((part) => ('id' in part ? [part.type, part.id] : []));
  const text = [message.role, textOf(message), ...ids].join('\n');
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return `${text.length}.${(hash >>> 0).toString(36)}`;
}
