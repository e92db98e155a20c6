/**
 * A React hook for a chat with a Sluice server.
 *
 * @module
 */
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Decision, DecisionsByCall, Message } from '../src/index.ts';
import { Chat } from './chat.ts';
import type { ChatMessage, ChatState } from './chat-state.ts';
import type { Client } from './client.ts';

/** Options of {@link useSluice}. Another client, conversation, pipeline, model or organization begins another chat. */
export interface SluiceOptions {
  client: Client;
  /** The conversation. The server keeps its history, which is read when the component appears. Without one, the component keeps the history. */
  conversation?: string | undefined;
  /** Which of the server's pipelines answers. */
  pipeline?: string | undefined;
  model?: string | undefined;
  organization?: string | undefined;
  /** How often a growing reply is shown at most: once in so many milliseconds. Default: 16. */
  everyMs?: number | undefined;
}

/** A chat, and what can be done with it. The functions stay the same from render to render. */
export interface SluiceChat extends Omit<ChatState, 'messages'> {
  /** The messages, the reply that grows among them. */
  history: readonly ChatMessage[];
  /** Says something. */
  send(input: string | Message): Promise<void>;
  /** Ends the reply that grows. */
  stop(): Promise<void>;
  /** Reads the stream of the last turn again, after its connection was lost for good. */
  resume(turnId?: string): Promise<void>;
  /** Answers the last message anew. */
  regenerate(): Promise<void>;
  /** Says something else in the place of the message of the user with this key. */
  edit(key: string, text: string): Promise<void>;
  /** Lets a call run. */
  approve(callId: string, reason?: string): Promise<void>;
  /** Does not let a call run. */
  deny(callId: string, why?: string): Promise<void>;
  /** Decides about several calls. */
  decide(decisions: DecisionsByCall | Readonly<Record<string, Decision>>): Promise<void>;
  /** Forgets all messages. */
  clear(): void;
}

/**
 * A chat in a component. The reply is shown as it grows; a component that disappears leaves it.
 *
 * @example
 * const { history, status, send, stop } = useSluice({ client, conversation: 'chat-1' });
 */
export function useSluice(options: SluiceOptions): SluiceChat {
  const { client, conversation, pipeline, model, organization, everyMs } = options;
  const chat = useMemo(
    () =>
      new Chat({
        ...{ client, conversation, pipeline, model, organization },
        ...(everyMs !== undefined && { everyMs }),
      }),
    [client, conversation, pipeline, model, organization, everyMs],
  );
  useEffect(() => {
    void chat.load();
    return () => chat.leave();
  }, [chat]);
  const now = (): ChatState => chat.state;
  const { messages, ...state } = useSyncExternalStore(chat.subscribe, now, now);
  const actions = useMemo(() => actionsOf(chat), [chat]);
  return { ...state, history: messages, ...actions };
}

function actionsOf(chat: Chat): Omit<SluiceChat, keyof ChatState | 'history'> {
  return {
    send: (input) => chat.send(input),
    stop: () => chat.stop(),
    resume: (turnId) => chat.resume(turnId),
    regenerate: () => chat.regenerate(),
    edit: (key, text) => chat.edit(key, text),
    approve: (callId, reason) => chat.approve(callId, reason),
    deny: (callId, why) => chat.deny(callId, why),
    decide: (decisions) => chat.decide(decisions),
    clear: () => chat.clear(),
  };
}
