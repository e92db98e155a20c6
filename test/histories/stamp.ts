import type { Message } from '../../src/index.ts';

/** The first line of a reply, which says how it was made. */
export interface Stamp {
  turn: string;
  /** Unique for this run of the model. */
  nonce: string;
  /** The version of the session when the model was called. */
  seen: number;
  /** Whether this run stored the input of the turn, and not an earlier run that failed. */
  fresh: boolean;
  /** The last messages that the model was sent: see {@link nameOf}. */
  asked: string[];
  /** Whether only the newest messages of the session were read, so that there may be fewer. */
  windowed?: boolean;
}

/** How many messages a stamp lists. */
export const ASKED = 8;

/** The last line of every complete reply. */
export const END = '\nend';

export const stamped = (stamp: Stamp): string => `${JSON.stringify(stamp)}\n`;

/** The stamp of a reply; undefined if the reply ended before the stamp was complete. */
export function stampOf(content: string): Stamp | undefined {
  const end = content.indexOf('\n');
  return end < 0 ? undefined : (JSON.parse(content.slice(0, end)) as Stamp);
}

/** The text of all parts of a message. */
export function textIn({ content }: Message): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** A short name that is unique among the messages of a history: the words of a user, or a hash of anything else. */
export function nameOf(message: Message): string {
  const text = JSON.stringify(message.content);
  if (message.role === 'user') return textIn(message);
  let hash = 0;
  for (const char of text) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0;
  return `${message.role[0] ?? ''}${(hash >>> 0).toString(36)}`;
}

/** Why a provider would refuse messages; undefined if it would accept them. */
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
    if (open.size > 0 && message.role !== 'assistant') return `message ${at} calls a tool but is not a reply`;
  }
  return open.size > 0 ? 'the last call has no result' : undefined;
}
