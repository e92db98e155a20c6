import { CodedError, isCodedError, textOf } from '../src/index.ts';
import type { Decision, DecisionsByCall, ExecutionChunk, Message, ToolCallDeltaChunk } from '../src/index.ts';
import type { Client } from './client.ts';
import type { ConnectionState } from './link.ts';
import type { StreamOptions, TurnOptions } from './options.ts';
import type { ClientStream } from './stream.ts';
import { emptyState, shown } from './chat-state.ts';
import type { ChatState, ToolDraft } from './chat-state.ts';

/** Options of a {@link Chat}. */
export interface ChatOptions extends Omit<TurnOptions, keyof StreamOptions> {
  client: Client;
  /** How often a growing reply is told at most: once in so many milliseconds. Default: 16. */
  everyMs?: number;
  /** Sees every chunk, for logs and meters. */
  onChunk?: ((chunk: ExecutionChunk) => void) | undefined;
  /** Is told how the connection is. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
}

/**
 * A chat as a page shows it, without a framework: its messages with the reply that grows, and what can be done. With a `conversation`, the server keeps the history; without one, the
 * chat keeps it and sends it along.
 *
 * @example
 * const chat = new Chat({ client, conversation: 'chat-1' });
 * chat.subscribe(() => render(chat.state));
 * await chat.send('Why is the sky blue?');
 */
export class Chat {
  readonly #options: ChatOptions;
  readonly #listeners = new Set<() => void>();
  #state: ChatState = emptyState;
  /** The messages before the reply that grows. */
  #history: Message[] = [];
  #stream: ClientStream | undefined;
  #drafts: ToolDraft[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #toldAt = 0;
  #stopping = false;
  /** Counts what was begun: an answer of the server that comes late is not taken. */
  #loads = 0;
  /** Set while the history is read. */
  #loading: Promise<unknown> | undefined;
  /** How often the chat was left. */
  #leaves = 0;

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  /** The chat now. The same object until something changes. */
  get state(): ChatState {
    return this.#state;
  }

  /** Calls a function after each change. Returns what ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Says something. Resolves at the end of the turn, also of one that failed: `state.error` says so. */
  async send(input: string | Message): Promise<void> {
    const message: Message = typeof input === 'string' ? { role: 'user', content: input } : input;
    await this.#begin(() => {
      const before = this.#history;
      this.#history = [...before, message];
      const { client, conversation, ...options } = this.#turn();
      const all = conversation === undefined ? [...sendable(before), message] : message;
      return this.#read((stream) => client.stream(all, { ...options, ...stream, conversation }));
    });
  }

  /** Answers the last message anew. */
  async regenerate(): Promise<void> {
    await this.#begin(() => {
      this.#history = upToUser(this.#history);
      const { client, conversation, ...options } = this.#turn();
      return this.#read((stream) =>
        conversation === undefined
          ? client.stream(sendable(this.#history), { ...options, ...stream })
          : client.conversations.regenerate(conversation, { ...options, ...stream }),
      );
    });
  }

  /** Says something else in the place of the message of the user with this key, and answers that. */
  async edit(key: string, text: string): Promise<void> {
    await this.#begin(() => this.#edit(key, text));
  }

  async #edit(key: string, text: string): Promise<void> {
    const at = this.#state.messages.findIndex((message) => message.key === key);
    const message = this.#state.messages[at];
    if (message?.role !== 'user')
      throw new CodedError('invalid_request', 'Only a message of the user can be edited.');
    const { client, conversation, ...options } = this.#turn();
    const number = this.#state.messages.slice(0, at).filter(({ role }) => role === 'user').length;
    const replace = (): void => {
      const place = placeOfUser(this.#history, number);
      this.#history = [...this.#history.slice(0, place), { role: 'user', content: text }];
    };
    if (conversation === undefined) {
      replace();
      await this.#read((stream) => client.stream(sendable(this.#history), { ...options, ...stream }));
      return;
    }
    const load = ++this.#loads;
    const { messages, ids } = await client.conversations.read(conversation, options);
    // Something else has begun meanwhile, or the chat was left.
    if (load !== this.#loads) return;
    const id = ids[placeOfUser(messages, number)];
    if (id === undefined) throw new CodedError('not_found', 'The server does not have that message.');
    replace();
    await this.#read((stream) =>
      client.conversations.edit(conversation, id, text, { ...options, ...stream }),
    );
  }

  /** Decides about calls that wait, and goes on with their turn. */
  async decide(decisions: DecisionsByCall | Readonly<Record<string, Decision>>): Promise<void> {
    await this.#begin(() => {
      const { client, conversation, ...options } = this.#turn();
      if (conversation === undefined)
        throw new CodedError('invalid_request', 'Only calls of a conversation can wait for a decision.');
      // The turn is given again from its beginning.
      this.#history = upToUser(this.#history);
      return this.#read((stream) =>
        client.conversations.decide(conversation, decisions, { ...options, ...stream }),
      );
    });
  }

  /** Lets a call run. */
  approve(callId: string, reason?: string): Promise<void> {
    return this.decide({ [callId]: { approve: true, ...(reason !== undefined && { reason }) } });
  }

  /** Does not let a call run: the model is told why. */
  deny(callId: string, why = 'The user has denied this call.'): Promise<void> {
    return this.decide({ [callId]: { deny: why } });
  }

  /** Ends the reply that grows. What has come of it stays. */
  async stop(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stopping = true;
    // A server that does not keep streams ends the turn when its reader leaves.
    await stream.stop('stopped').catch(() => stream.close('stopped'));
  }

  /** Reads the stream of the last turn again, after its connection was lost for good, or that of another page. The server must keep streams. */
  async resume(turnId: string | undefined = this.#state.turnId): Promise<void> {
    await this.#begin(() => this.#join(turnId));
  }

  async #join(turnId: string | undefined): Promise<void> {
    if (turnId === undefined) return;
    this.#history = upToUser(this.#history);
    const { client, organization } = this.#options;
    await this.#read((stream) => client.resume(turnId, { ...stream, organization }));
  }

  /** Reads the history from the server, and joins the turn that runs, if there is one. What is begun meanwhile waits for the history. */
  async load(): Promise<void> {
    this.#refuseIfBusy();
    const { conversation } = this.#options;
    if (conversation === undefined) return;
    const loading = this.#load(conversation).finally(() => {
      if (this.#loading === loading) this.#loading = undefined;
    });
    this.#loading = loading;
    await (
      await loading
    ).joined;
  }

  /** Resolves with the history. `joined`: the end of the turn that runs. */
  async #load(conversation: string): Promise<{ joined?: Promise<void> }> {
    const { client } = this.#options;
    const load = ++this.#loads;
    this.#set({ status: 'loading', error: undefined });
    try {
      const scope = { pipeline: this.#options.pipeline, organization: this.#options.organization };
      const read = await client.conversations.read(conversation, scope);
      if (load !== this.#loads) return {};
      const { pending = [], running, open_messages: open = [] } = read;
      const messages = [...read.messages, ...open];
      this.#history = messages;
      this.#set({ messages: shown(messages), status: pending.length > 0 ? 'waiting' : 'ready', pending });
      if (running !== undefined) return { joined: this.#join(running) };
    } catch (error) {
      if (load !== this.#loads) return {};
      // A conversation begins with its first message.
      const isNew = isCodedError(error) && error.code === 'not_found';
      this.#set({ status: 'ready', error: isNew ? undefined : asCoded(error) });
    }
    return {};
  }

  /** Forgets all messages. A reply that grows is left. */
  clear(): void {
    this.leave();
    this.#history = [];
    this.#set(emptyState);
  }

  /** Leaves the reply that grows, as a page does that is closed. What has come of it stays. A server that keeps streams lets it run. */
  leave(): void {
    const stream = this.#stream;
    this.#loads += 1;
    this.#leaves += 1;
    this.#loading = undefined;
    if (stream !== undefined) {
      void stream.close('left');
      this.#keepPartial(stream);
      this.#over({});
    } else if (this.#state.status === 'loading') this.#set({ status: 'ready' });
  }

  #turn(): Omit<ChatOptions, 'everyMs' | 'onChunk' | 'onConnection'> {
    const { everyMs: _every, onChunk: _chunk, onConnection: _connection, ...turn } = this.#options;
    return turn;
  }

  /** Does something when the history is there, if it is being read. Not if the chat is left until then. */
  async #begin(work: () => Promise<void>): Promise<void> {
    const leaves = this.#leaves;
    while (this.#loading !== undefined) await this.#loading;
    if (leaves !== this.#leaves) return;
    this.#refuseIfBusy();
    await work();
  }

  #refuseIfBusy(): void {
    if (this.#stream !== undefined)
      throw new CodedError('session_busy', 'A reply is still coming: stop it first, or wait for its end.');
  }

  async #read(open: (options: StreamOptions) => ClientStream): Promise<void> {
    const stream = open({ onConnection: (state) => this.#connection(stream, state) });
    this.#stream = stream;
    this.#loads += 1;
    this.#stopping = false;
    this.#drafts = [];
    this.#set({ ...emptyState, status: 'sending', turnId: stream.id });
    this.#tell();
    let error: CodedError | undefined;
    try {
      for await (const chunk of stream) {
        if (this.#stream !== stream) return;
        this.#options.onChunk?.(chunk);
        this.#note(chunk);
      }
      const result = await stream.result;
      if (this.#stream !== stream) return;
      this.#history = [...this.#history, ...result.messages];
      this.#set({ result, pending: result.pending ?? [] });
    } catch (thrown) {
      if (this.#stream !== stream) return;
      error = asCoded(thrown);
      this.#keepPartial(stream);
    }
    // Also by another page, or another tab.
    const isStopped = error?.code === 'aborted' && (this.#stopping || error.reason === 'stopped');
    this.#over({ error: isStopped ? undefined : error, turnId: stream.id });
  }

  /** Keeps what has come of a reply. */
  #keepPartial({ partial: { parts } }: ClientStream): void {
    if (parts.length > 0)
      this.#history = [...this.#history, { role: 'assistant', content: parts, partial: true }];
  }

  /** No reply grows any more. */
  #over(change: Partial<ChatState>): void {
    this.#stream = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#set({
      messages: shown(this.#history),
      status: this.#state.pending.length > 0 ? 'waiting' : 'ready',
      drafts: [],
      progress: {},
      ...change,
    });
  }

  #connection(stream: ClientStream, state: ConnectionState): void {
    this.#options.onConnection?.(state);
    if (this.#stream !== stream) return;
    if (state === 'lost') this.#set({ status: 'reconnecting' });
    else if (state === 'open' && this.#state.status === 'reconnecting') this.#set({ status: 'streaming' });
  }

  #note(chunk: ExecutionChunk): void {
    if (chunk.type === 'tool_call_delta') this.#drafts = withDelta(this.#drafts, chunk);
    else if (chunk.type === 'tool_call') this.#drafts = this.#drafts.filter(({ id }) => id !== chunk.id);
    else if (chunk.type === 'reset') this.#drafts = [];
    else if (chunk.type === 'tool_progress')
      this.#state = { ...this.#state, progress: { ...this.#state.progress, [chunk.id]: chunk.data } };
    if (this.#timer !== undefined) return;
    const waitMs = this.#toldAt + (this.#options.everyMs ?? 16) - Date.now();
    if (waitMs <= 0) this.#tell();
    else this.#timer = setTimeout(() => this.#tell(), waitMs);
  }

  /** Tells the listeners of the reply as it is now. */
  #tell(): void {
    this.#timer = undefined;
    this.#toldAt = Date.now();
    const parts = this.#stream?.partial.parts ?? [];
    const before = shown(this.#history);
    const isBegun = parts.length > 0 || this.#drafts.length > 0;
    this.#set({
      messages: [...before, { key: `${before.length}`, role: 'assistant', parts, state: 'streaming' }],
      status: isBegun && this.#state.status === 'sending' ? 'streaming' : this.#state.status,
      drafts: this.#drafts,
      turnId: this.#stream?.id,
    });
  }

  #set(change: Partial<ChatState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** The messages up to the last one of the user, which is answered. */
function upToUser(messages: readonly Message[]): Message[] {
  return messages.slice(0, messages.findLastIndex(({ role }) => role === 'user') + 1);
}

/** What a server takes as a history: of a reply that was cut short only the text, since calls in it may have no result. */
function sendable(messages: readonly Message[]): Message[] {
  return messages
    .map((message): Message =>
      message.partial === true ? { role: message.role, content: textOf(message) } : message,
    )
    .filter(({ content }) => content !== '');
}

/** Where the message number `number` of the user is among all messages. */
function placeOfUser(messages: readonly Message[], number: number): number {
  let seen = -1;
  return messages.findIndex(({ role }) => role === 'user' && ++seen === number);
}

function withDelta(drafts: ToolDraft[], { id, name, argumentsDelta }: ToolCallDeltaChunk): ToolDraft[] {
  const at = drafts.findIndex((draft) => draft.id === id);
  const draft = drafts[at] ?? { id, name: '', text: '' };
  const more = { ...draft, name: name ?? draft.name, text: draft.text + argumentsDelta };
  return at < 0 ? [...drafts, more] : drafts.map((one) => (one === draft ? more : one));
}

function asCoded(thrown: unknown): CodedError {
  return isCodedError(thrown)
    ? thrown
    : new CodedError('protocol', 'The reply could not be read.', { cause: thrown });
}
