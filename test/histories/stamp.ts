import type { Message } from '../../src/index.ts';

/** What a reply says of how it came to be, as its first line. */
export interface Stamp {
  turn: string;
  /** Of this run of the model alone. */
  nonce: string;
  /** The session's version when the model was asked. */
  seen: number;
  /** Whether this run stored the turn's input, and not one before it that came to nothing. */
  fresh: boolean;
  /** The last messages that the model was asked with: see {@link nameOf}. */
  asked: string[];
  /** Whether a window of the session was read, which may hold fewer. */
  windowed?: boolean;
}

/** How many messages a stamp names. */
export const ASKED = 8;

/** The last line of every reply that is whole. */
export const END = '\nend';

export const stamped = (stamp: Stamp): string => `${JSON.stringify(stamp)}\n`;

/** The stamp of a reply; undefined where it was cut before its end. */
export function stampOf(content: string): Stamp | undefined {
  const end = content.indexOf('\n');
  return end < 0 ? undefined : (JSON.parse(content.slice(0, end)) as Stamp);
}

/** The text of a message's parts. */
export function textIn({ content }: Message): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** A short text that no other message of a history has: the words of a user, or a hash of the rest. */
export function nameOf(message: Message): string {
  const text = JSON.stringify(message.content);
  if (message.role === 'user') return textIn(message);
  let hash = 0;
  for (const char of text) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0;
  return `${message.role[0] ?? ''}${(hash >>> 0).toString(36)}`;
}

/** Why a provider would refuse messages; undefined where it would not. */
export function inputFault(messages: readonly Message[]): string | undefined {
  let open = new Set<string>();
  for (const [at, message] of messages.entries()) {
    const parts = typeof message.content === 'string' ? [] : message.content;
    const empty = typeof message.content === 'string' ? message.content.trim() === '' : parts.length === 0;
    if (empty) return `message ${at} is empty`;
    if (message.role === 'tool') {
      for (const part of parts) {
        if (part.type !== 'tool_result' || !open.delete(part.id)) return `message ${at} answers no call`;
      }
      continue;
    }
    if (open.size > 0) return `a call before message ${at} has no result`;
    open = new Set(parts.flatMap((part) => (part.type === 'tool_call' ? [part.id] : [])));
    if (open.size > 0 && message.role !== 'assistant') return `message ${at} calls a tool and is no reply`;
  }
  return open.size > 0 ? 'the last call has no result' : undefined;
}
