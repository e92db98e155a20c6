import type { Message, Role } from '../../src/index.ts';
import { pairsOf, withoutUnpaired } from './pairs.ts';

/** What goes or stays together: from a user's message up to the next one, with all rounds of tool calls between. */
export interface Turn {
  /** In order, system messages that stand before or inside it included. */
  readonly messages: readonly Message[];
  /** The same without the system messages. */
  readonly spoken: readonly Message[];
}

/** A request's messages, taken apart. Lead and turns one after the other are all of them. */
export interface Conversation {
  /** System messages before everything else. */
  readonly lead: readonly Message[];
  /** Oldest first. */
  readonly turns: readonly Turn[];
  /** How many tool calls without a result, and results without a call, were left out. */
  readonly unpaired: number;
}

/**
 * Takes messages apart into turns. A turn starts at a message of the user that follows none of the user's own, and not between a tool call
 * and its result. What stands before the first such message is a turn, too.
 */
export function conversationOf(messages: readonly Message[]): Conversation {
  const { answeredAt, unpaired } = pairsOf(messages);
  const lead: Message[] = [];
  const turns: { messages: Message[]; spoken: Message[] }[] = [];
  /** System messages whose turn is that of the message behind them. */
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
 * The messages from one turn on, behind the lead, the system messages of all turns before it and what is put in their place. Of system messages
 * before it that say the same only the last is kept: a caller may give one with every turn.
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

/** The same for system messages that say the same. */
export function textKey({ content }: Message): string {
  return JSON.stringify(content);
}
