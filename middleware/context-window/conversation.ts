import type { Message, Role } from '../../src/index.ts';
import { pairsOf, withoutUnpaired } from './pairs.ts';

/** Messages that are kept or dropped together: from a user's message up to the next one, with all rounds of tool calls between. */
export interface Turn {
  /** In order, including the system messages before and inside it. */
  readonly messages: readonly Message[];
  /** The same without the system messages. */
  readonly spoken: readonly Message[];
}

/** The messages of a request in parts: `lead` and then `turns` contain all of them. */
export interface Conversation {
  /** System messages before everything else. */
  readonly lead: readonly Message[];
  /** Oldest first. */
  readonly turns: readonly Turn[];
  /** How many tool calls without a result, and results without a call, were left out. */
  readonly unpaired: number;
}

/**
 * Splits messages into turns. A turn starts at a message of the user, unless the message before it is the user's, too, or it is between a tool
 * call and its result. The messages before the first such message are a turn, too.
 */
export function conversationOf(messages: readonly Message[]): Conversation {
  const { answeredAt, unpaired } = pairsOf(messages);
  const lead: Message[] = [];
  const turns: { messages: Message[]; spoken: Message[] }[] = [];
  /** System messages that belong to the turn of the next message. */
  let waiting: Message[] = [];
  let before: Role | undefined;
  let openUntil = -1;
  messages.forEach((given, index) => {
    const lost = unpaired.get(index);
    const message = lost === undefined ? given : withoutUnpaired(given, lost);
    if (message === undefined) return;
    if (message.role === 'system') {
      (turns.length === 0 ? lead : waiting).push(message);
      return;
    }
    let turn = turns.at(-1);
    if (turn === undefined || (message.role === 'user' && before !== 'user' && index > openUntil)) {
      turn = { messages: [], spoken: [] };
      turns.push(turn);
    }
    turn.messages.push(...waiting, message);
    turn.spoken.push(message);
    waiting = [];
    before = message.role;
    openUntil = Math.max(openUntil, answeredAt[index] ?? -1);
  });
  turns.at(-1)?.messages.push(...waiting);
  let lost = 0;
  for (const parts of unpaired.values()) lost += parts.size;
  return { lead, turns, unpaired: lost };
}

/**
 * The lead, the system messages of all turns before `from`, `inserted` in place of those turns, and the messages of the turns from `from` on. Of
 * equal system messages only the last is kept, because a caller may give one with every turn.
 */
export function messagesFrom(
  { lead, turns }: Conversation,
  from: number,
  inserted: readonly Message[] = [],
): Message[] {
  const older = new Map<string, Message>();
  for (const turn of turns.slice(0, from)) {
    for (const message of systemOf(turn)) {
      const text = textKey(message);
      older.delete(text);
      older.set(text, message);
    }
  }
  const first = older.size === 0 ? lead : lead.filter((message) => !older.has(textKey(message)));
  return [...first, ...older.values(), ...inserted, ...turns.slice(from).flatMap((turn) => turn.messages)];
}

/** The system messages of a turn. */
export function systemOf({ messages, spoken }: Turn): readonly Message[] {
  return messages.length === spoken.length ? [] : messages.filter(({ role }) => role === 'system');
}

/** A key that is the same for system messages with the same content. */
export function textKey({ content }: Message): string {
  return JSON.stringify(content);
}
