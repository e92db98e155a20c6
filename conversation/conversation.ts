import { SluiceError, isSluiceError } from '../src/index.ts';
import type {
  ExecutionChunk,
  ExecutionOptions,
  ExecutionResult,
  Input,
  Message,
  Pipeline,
  Stream,
} from '../src/index.ts';
import type { PackSpeech } from './pack-speech.ts';
import type { SharedPipeline } from './shared-pipeline.ts';

/** What a conversation stands on. */
export interface ConversationParts {
  shared: SharedPipeline;
  key: { owner: string; id: string };
  /** What a pack adds to each turn. */
  speech: PackSpeech | undefined;
}

/** A session of a pipeline under one hand: messages in, answers out. Open one with `openConversation()`. */
export class Conversation implements AsyncDisposable {
  /** The session's id. */
  readonly id: string;
  /** The session's owner; `''` where there is none. */
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

  /** What the pack asks for that has no effect, one sentence each. Every result has them among its warnings too. */
  get warnings(): readonly string[] {
    return this.#parts.speech?.warnings ?? [];
  }

  /**
   * One turn, to its end. A string is the user's message; `[]` runs the stored conversation again. Two turns at once run one after the other.
   *
   * Rejects as `executeWithContext` does; also with `invalid_options` where a variable has no value, and with `shutting_down` after `close()`.
   */
  async send(input: string | Input, options: ExecutionOptions = {}): Promise<ExecutionResult> {
    const pipeline = this.#open();
    return pipeline.executeWithContext(this.#parts.key, messagesOf(input), this.#turn(options));
  }

  /**
   * The same as a stream. The last chunk is `done`, and holds the result: content, usage, cost, latency. The variables are those of this call;
   * nothing else happens before the first pull. Throws where `send` rejects before the turn has begun.
   */
  stream(input: string | Input, options: ExecutionOptions = {}): Stream<ExecutionChunk, ExecutionResult> {
    const pipeline = this.#open();
    return pipeline.executeStreamWithContext(this.#parts.key, messagesOf(input), this.#turn(options));
  }

  /** The stored messages, oldest first; with `last` only the newest. The system prompt is not among them: it is made for each turn. */
  async history(options: { last?: number } = {}): Promise<Message[]> {
    const state = await this.#open().store.load(this.#parts.key, options);
    return state?.messages ?? [];
  }

  /**
   * Sets a variable of the pack's prompt for the turns that begin after this; `undefined` takes the value away, so that the default holds. The value goes into the
   * text as it is: templates in it are not read.
   *
   * Throws `invalid_options` for a value that its declaration refuses, for a name that the prompt has not, and where there is no pack.
   */
  setVariable(name: string, value: unknown): void {
    this.#open();
    const { speech } = this.#parts;
    if (speech === undefined) {
      const mend = 'open it with a pack, or put system() into the pipeline';
      throw new SluiceError('invalid_options', `The conversation has no pack and so no variables: ${mend}.`);
    }
    speech.set(name, value);
  }

  /**
   * A conversation of its own that begins with what is stored now, or with the first `at` messages of it. It has the same pack and a copy of the variables.
   * Close it, too.
   */
  async fork(options: { at?: number } = {}): Promise<Conversation> {
    const { store } = this.#open();
    const { key, shared, speech } = this.#parts;
    const copy = await store.fork(key, options.at).catch((error: unknown) => {
      // Nothing was said yet: the fork begins empty as well.
      if (isSluiceError(error) && error.code === 'not_found') return { ...key, id: crypto.randomUUID() };
      throw error;
    });
    this.#open();
    return new Conversation({ shared, key: copy, speech: speech?.copy() });
  }

  /** Deletes what is stored; variables stay. A turn under way goes on for its reader and is not stored. */
  async clear(): Promise<void> {
    await this.#open().store.delete(this.#parts.key);
  }

  /**
   * Refuses further turns. A pipeline that `openConversation` made is shut down with the last conversation that uses it, forks included; one that was passed
   * in is the caller's, and so are providers and stores. What is stored stays. Idempotent.
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
    return this.#parts.speech?.turn(options) ?? options;
  }
}

function messagesOf(input: string | Input): Input {
  return typeof input === 'string' ? { role: 'user', content: input } : input;
}
