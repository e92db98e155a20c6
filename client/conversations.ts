import type { Cost, Decision, DecisionsByCall, Message, PendingCall, Usage } from '../src/index.ts';
import type { OwnedOptions, StreamOptions } from './options.ts';
import { jsonOf, queryOf, segment } from './requests.ts';
import type { RequestOptions } from './requests.ts';
import type { ClientStream } from './stream.ts';

/** A conversation as the server tells it. */
export interface Conversation {
  id: string;
  /** The messages of the branch that is loaded. */
  messages: Message[];
  /** Their ids, one for each. */
  ids: string[];
  branches?: ConversationBranch[];
  /** The id of the turn that has begun and has not ended. */
  open?: string;
  /** What that turn has said so far. */
  open_messages?: Message[];
  /** Its calls that wait for a decision. */
  pending?: PendingCall[];
  /** The id of the turn that runs now: `client.resume(id)` reads it. Only from a server that keeps streams. */
  running?: string;
  usage?: Usage;
  cost?: Cost;
}

/** One branch of a conversation. `id` is that of its newest message. */
export interface ConversationBranch {
  id: string;
  parent: string;
  message_count: number;
  updated_at: number;
  is_head: boolean;
}

/** A page of a list of conversations. */
export interface ConversationPage {
  conversations: { id: string; version: number; updated_at: number }[];
  /** For the next page; absent on the last one. */
  cursor?: string;
}

/** Whose conversation it is. */
export interface ConversationScope<Name extends string = string> {
  /** The pipeline whose store has it. Default: the server's first. */
  pipeline?: Name | undefined;
  /** The organization that it belongs to. */
  organization?: string | undefined;
}

/** What a turn of a conversation may be told besides. */
export interface TurnOfConversation<Name extends string = string>
  extends StreamOptions, ConversationScope<Name> {
  model?: string | undefined;
}

/** What {@link Conversations} needs of its client. */
export interface ConversationRoutes {
  request(path: string, init?: RequestOptions): Promise<Response>;
  open(path: string, body: Readonly<Record<string, unknown>>, options: OwnedOptions): ClientStream;
}

/** The conversations that a server keeps for its caller. What belongs to somebody else is `not_found`. */
export class Conversations<Name extends string = string> {
  readonly #routes: ConversationRoutes;

  /** Use `client.conversations`. */
  constructor(routes: ConversationRoutes) {
    this.#routes = routes;
  }

  /** A page of the caller's conversations, in an order of the store's own. `limit`: 1 to 1,000, 50 without it. `cursor`: that of the page before. */
  list({
    limit,
    cursor,
    ...scope
  }: ConversationScope<Name> & { limit?: number; cursor?: string } = {}): Promise<ConversationPage> {
    return this.#json(`conversations${queryOf({ ...wireScope(scope), limit, cursor })}`, 'conversations');
  }

  /** The messages of a conversation, and what is known of it. */
  read(id: string, scope?: ConversationScope<Name>): Promise<Conversation> {
    return this.#json(pathOf(id, '', scope), 'messages');
  }

  /** Copies a conversation, or its first `at` messages. Resolves to the id of the copy. */
  fork(
    id: string,
    { at, ...scope }: ConversationScope<Name> & { at?: number } = {},
  ): Promise<{ id: string }> {
    return this.#json(pathOf(id, '/fork', scope), 'id', { body: { at } });
  }

  /** Selects the branch that a message belongs to. */
  async select(id: string, message: string, scope?: ConversationScope<Name>): Promise<void> {
    await this.#routes.request(pathOf(id, '/branch', scope), { body: { leaf: message } });
  }

  /** Deletes a conversation with all its branches. */
  async delete(id: string, scope?: ConversationScope<Name>): Promise<void> {
    await this.#routes.request(pathOf(id, '', scope), { method: 'DELETE' });
  }

  /** Answers the last message anew. */
  regenerate(id: string, options: TurnOfConversation<Name> = {}): ClientStream {
    return this.#turn(id, 'regenerate', {}, options);
  }

  /** Answers another message in the place of one of the user. `messageId` is one of the `ids`. */
  edit(
    id: string,
    messageId: string,
    message: string | Message,
    options: TurnOfConversation<Name> = {},
  ): ClientStream {
    return this.#turn(id, 'edit', { message_id: messageId, message }, options);
  }

  /**
   * Decides about calls that wait, and goes on with their turn.
   *
   * @example
   * client.conversations.decide('chat-1', { [call.callId]: { approve: true } });
   */
  decide(
    id: string,
    decisions: DecisionsByCall | Readonly<Record<string, Decision>>,
    { message, ...options }: TurnOfConversation<Name> & { message?: string } = {},
  ): ClientStream {
    return this.#turn(id, 'decisions', { decisions, message }, options);
  }

  #turn(
    id: string,
    action: string,
    body: Readonly<Record<string, unknown>>,
    { pipeline, organization, model, ...options }: TurnOfConversation<Name>,
  ): ClientStream {
    const path = pathOf(id, `/${action}`);
    const all = { ...body, ...wireScope({ pipeline, organization }), model };
    return this.#routes.open(path, all, { ...options, organization });
  }

  async #json<T>(path: string, key: keyof T & string, init?: RequestOptions): Promise<T> {
    return jsonOf(await this.#routes.request(path, init), key);
  }
}

function pathOf(id: string, rest: string, scope: ConversationScope = {}): string {
  return `conversations/${segment(id)}${rest}${queryOf(wireScope(scope))}`;
}

function wireScope({ pipeline, organization }: ConversationScope): Record<string, string | undefined> {
  return { pipeline, org_id: organization };
}
