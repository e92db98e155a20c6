import type { CodedError, ExecutionResult, Message, Part, PendingCall } from '../src/index.ts';

/** One message of a chat, as a page shows it. Tool calls and their results are parts of the reply that they belong to. */
export interface ChatMessage {
  /** Names the message within its chat, for keys of lists. It stays the same while a reply grows. */
  key: string;
  role: 'user' | 'assistant' | 'system';
  parts: readonly Part[];
  /** `streaming`: more comes. `partial`: it was cut short. */
  state: 'streaming' | 'done' | 'partial';
}

/** A tool call whose arguments the model is still writing. */
export interface ToolDraft {
  id: string;
  name: string;
  /** The JSON text so far. */
  text: string;
}

/**
 * What a chat does: `ready` for a message, `loading` its history, `sending` a message, `streaming` a reply, `reconnecting` after the connection broke, `waiting` for decisions
 * about the calls in `pending`.
 */
export type ChatStatus = 'ready' | 'loading' | 'sending' | 'streaming' | 'reconnecting' | 'waiting';

/** A chat at one moment. It never changes: each change makes another one. */
export interface ChatState {
  messages: readonly ChatMessage[];
  status: ChatStatus;
  /** Why the last turn failed. A turn that was stopped has not failed. */
  error: CodedError | undefined;
  /** Calls that wait for a decision. */
  pending: readonly PendingCall[];
  /** Calls that the model is writing. */
  drafts: readonly ToolDraft[];
  /** What running tools said last about how far they are, by the ids of their calls. */
  progress: Readonly<Record<string, unknown>>;
  /** The id of the turn that runs or ran last: `resume()` reads its stream again. */
  turnId: string | undefined;
  /** The result of the last turn, if it came to an end. */
  result: ExecutionResult | undefined;
}

/** The state of a chat that has just begun. */
export const emptyState: ChatState = {
  messages: [],
  status: 'ready',
  error: undefined,
  pending: [],
  drafts: [],
  progress: {},
  turnId: undefined,
  result: undefined,
};

/** The parts of a message's content. */
function partsOf({ content }: Message): readonly Part[] {
  if (typeof content !== 'string') return content;
  return content === '' ? [] : [{ type: 'text', text: content }];
}

/** Messages as a page shows them: each reply with its rounds of tools is one. */
export function shown(messages: readonly Message[]): ChatMessage[] {
  const list: ChatMessage[] = [];
  for (const message of messages) {
    const { role } = message;
    const last = list.at(-1);
    const parts = partsOf(message);
    const isReply = role === 'assistant' || role === 'tool';
    const state = message.partial === true ? 'partial' : 'done';
    if (isReply && last?.role === 'assistant') {
      list[list.length - 1] = { ...last, parts: [...last.parts, ...parts], state };
    } else {
      list.push({ key: `${list.length}`, role: isReply ? 'assistant' : role, parts, state });
    }
  }
  return list;
}
