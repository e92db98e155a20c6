import { SluiceError, isSluiceError } from '../src/index.ts';
import type {
  Branch,
  ExecutionChunk,
  ExecutionOptions,
  ExecutionResult,
  Input,
  Message,
  Pipeline,
  Stream,
} from '../src/index.ts';
import type { PackTurns } from './pack-turns.ts';
import type { SharedPipeline } from './shared-pipeline.ts';

/** What a conversation consists of. */
export interface ConversationParts {
  shared: SharedPipeline;
  key: { owner: string; id: string };
  /** What a pack adds to each turn. */
  packTurns: PackTurns | undefined;
}

/** One object for a session of a pipeline: messages in, answers out. Open one with `openConversation()`. */
export class Conversation implements AsyncDisposable {
  /** The session's id. */
  readonly id: string;
  /** The session's owner; `''` if there is none. */
  readonly owner: string;
  readonly #parts: ConversationParts;
  #closing: Promise<void> | undefined;

  /** For `openConversation()`. @internal */
  constructor(parts: ConversationParts) {
    this.id = parts.key.id;
    this.owner = parts.key.owner;
    this.#parts = parts;
    parts.shared.enter();
  }

  /** What the pack asks for but has no effect, one sentence each. Every result also has them among its warnings. */
  get warnings(): readonly string[] {
    return this.#parts.packTurns?.warnings ?? [];
  }

  /**
   * Runs one turn to its end. A string is the user's message; `[]` answers the last message anew. Two turns at once run one after the other.
   *
   * Rejects like `executeWithContext`; also with `invalid_options` if a variable has no value, and with `shutting_down` after `close()`.
   */
  async send(input: string | Input, options: ExecutionOptions = {}): Promise<ExecutionResult> {
    const pipeline = this.#open();
    return pipeline.executeWithContext(this.#parts.key, messagesOf(input), this.#turn(options));
  }

  /**
   * Runs one turn as a stream. The last chunk is `done` and holds the result: content, usage, cost, latency. The turn uses the variables as they are
   * now; nothing else happens before the first pull. Throws in the cases in which `send` rejects before the turn begins.
   */
  stream(input: string | Input, options: ExecutionOptions = {}): Stream<ExecutionChunk, ExecutionResult> {
    const pipeline = this.#open();
    return pipeline.executeStreamWithContext(this.#parts.key, messagesOf(input), this.#turn(options));
  }

  /** Answers the last message anew, as a stream. The reply that it had stays as a branch. */
  regenerate(options: ExecutionOptions = {}): Stream<ExecutionChunk, ExecutionResult> {
    return this.stream([], options);
  }

  /**
   * Replaces a message of the user by another one and answers that, as a stream. `messageId` is an id of {@link Conversation.entries}. The old message and all that follows it stay as a
   * branch. Fails with `not_found` if there is no such message, and with `invalid_request` if it is not the user's.
   */
  edit(
    messageId: string,
    message: string | Message,
    options: ExecutionOptions = {},
  ): Stream<ExecutionChunk, ExecutionResult> {
    return this.#open().edit(this.#parts.key, messageId, message, this.#turn(options));
  }

  /** The branches of the conversation, in the order in which they were made. */
  async branches(): Promise<Branch[]> {
    return this.#open().branches(this.#parts.key);
  }

  /** Selects a branch by the id of its newest message. Rejects with `session_busy` while a turn is running, and with `not_found` for an unknown id. */
  async switchTo(leafId: string): Promise<void> {
    await this.#open().switchTo(this.#parts.key, leafId);
  }

  /** The stored messages with their ids, oldest first; with `last`, only that many of the newest; with `leaf`, those of the branch that ends with this message. */
  async entries(options: { last?: number; leaf?: string } = {}): Promise<{ id: string; message: Message }[]> {
    const state = await this.#open().store.load(this.#parts.key, { ...options, ids: true });
    const { messages = [], ids = [] } = state ?? {};
    return messages.map((message, at) => ({ id: ids[at] ?? '', message }));
  }

  /** The stored messages, oldest first; with `last`, only that many of the newest. The system prompt is not stored: it is made for each turn. */
  async history(options: { last?: number } = {}): Promise<Message[]> {
    const state = await this.#open().store.load(this.#parts.key, options);
    return state?.messages ?? [];
  }

  /**
   * Sets a variable of the pack's prompt for all later turns; `undefined` removes the value, so that the default applies. The value is inserted as it
   * is: templates in it are not filled in.
   *
   * Throws `invalid_options` for a value that the variable's declaration refuses, for a name that the prompt does not have, and if there is no pack.
   */
  setVariable(name: string, value: unknown): void {
    this.#open();
    const { packTurns } = this.#parts;
    if (packTurns === undefined) {
      const advice = 'open it with a pack, or put system() into the pipeline';
      throw new SluiceError(
        'invalid_options',
        `The conversation has no pack and so no variables: ${advice}.`,
      );
    }
    packTurns.set(name, value);
  }

  /**
   * Opens a new conversation that begins with a copy of all stored messages, or of the first `at` of them. It has the same pack and a copy of the
   * variables. Close it, too.
   */
  async fork(options: { at?: number } = {}): Promise<Conversation> {
    const { store } = this.#open();
    const { key, shared, packTurns } = this.#parts;
    const copy = await store.fork(key, options.at).catch((error: unknown) => {
      // Nothing is stored yet, so the fork begins empty as well.
      if (isSluiceError(error) && error.code === 'not_found') return { ...key, id: crypto.randomUUID() };
      throw error;
    });
    this.#open();
    return new Conversation({ shared, key: copy, packTurns: packTurns?.copy() });
  }

  /** Deletes the stored messages; variables stay. The reader of a running turn still gets the whole reply, but the turn is not stored. */
  async clear(): Promise<void> {
    await this.#open().store.delete(this.#parts.key);
  }

  /**
   * Refuses further turns. A pipeline that `openConversation` created is shut down when the last conversation that uses it is closed, forks included. A
   * pipeline that was passed in belongs to the caller, and so do providers and stores. Stored messages stay. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#parts.shared.leave();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): Pipeline {
    if (this.#closing !== undefined)
      throw new SluiceError('shutting_down', 'The conversation is closed: open another one.');
    return this.#parts.shared.pipeline;
  }

  #turn(options: ExecutionOptions): ExecutionOptions {
    return this.#parts.packTurns?.turn(options) ?? options;
  }
}

function messagesOf(input: string | Input): Input {
  return typeof input === 'string' ? { role: 'user', content: input } : input;
}
