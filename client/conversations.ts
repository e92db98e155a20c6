import type {
  Branch,
  Cost,
  Decision,
  DecisionsByCall,
  Message,
  PendingCall,
  SessionPage,
  Usage,
} from '../src/index.ts';
import type { StreamOptions } from './options.ts';
import { jsonOf, segment } from './requests.ts';
import type { RequestOptions } from './requests.ts';
import type { ClientStream } from './stream.ts';

/** A conversation as the server keeps it. */
export interface Conversation {
  id: string;
  /** The messages of the branch that is loaded. */
  messages: Message[];
  /** Their ids, one for each. */
  ids: string[];
  branches?: Branch[];
  /** The id of the turn that has begun and has not ended. */
  open?: string;
  /** Its calls that wait for a decision. */
  pending?: PendingCall[];
  /** The id of the turn that runs now: `client.resume(id)` reads it. */
  running?: string;
  usage?: Usage;
  cost?: Cost;
}

/** What a turn of a conversation may be told besides. */
export interface TurnOfConversation<Name extends string = string> extends StreamOptions {
  pipeline?: Name | undefined;
  model?: string | undefined;
}

/** What {@link Conversations} needs of its client. */
export interface ConversationRoutes {
  request(path: string, init?: RequestOptions): Promise<Response>;
  open(path: string, body: Readonly<Record<string, unknown>>, options: StreamOptions): ClientStream;
}

/** The conversations that a server keeps for its caller. What belongs to somebody else is `not_found`. */
export class Conversations<Name extends string = string> {
  readonly #routes: ConversationRoutes;

  /** Use `client.conversations`. */
  constructor(routes: ConversationRoutes) {
    this.#routes = routes;
  }

  /** A page of the caller's conversations. `cursor`: that of the page before. */
  list(options: { limit?: number; cursor?: string } = {}): Promise<SessionPage> {
    const query = Object.entries(options).map(([name, value]) => `${name}=${segment(`${value}`)}`);
    return this.#json(`conversations?${query.join('&')}`, 'sessions');
  }

  /** The messages of a conversation, and what is known of it. */
  read(id: string): Promise<Conversation> {
    return this.#json(pathOf(id), 'messages');
  }

  /** Copies a conversation. Resolves to the id of the copy. */
  fork(id: string, options: { id?: string } = {}): Promise<{ id: string }> {
    return this.#json(`${pathOf(id)}/fork`, 'id', { body: options });
  }

  /** Selects the branch that a message belongs to. */
  async select(id: string, message: string): Promise<void> {
    await this.#routes.request(`${pathOf(id)}/branch`, { body: { leaf: message } });
  }

  /** Deletes a conversation with all its branches. */
  async delete(id: string): Promise<void> {
    await this.#routes.request(pathOf(id), { method: 'DELETE' });
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
    { message, ...options }: TurnOfConversation<Name> & { message?: string | Message } = {},
  ): ClientStream {
    return this.#turn(id, 'decisions', { decisions, message }, options);
  }

  #turn(
    id: string,
    action: string,
    body: Readonly<Record<string, unknown>>,
    { pipeline, model, ...options }: TurnOfConversation<Name>,
  ): ClientStream {
    return this.#routes.open(`${pathOf(id)}/${action}`, { ...body, pipeline, model }, options);
  }

  async #json<T>(path: string, key: keyof T & string, init?: RequestOptions): Promise<T> {
    return jsonOf(await this.#routes.request(path, init), key);
  }
}

function pathOf(id: string): string {
  return `conversations/${segment(id)}`;
}
