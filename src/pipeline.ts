import { ExecutionSource } from './execution/execution-source.ts';
import { SluiceError, kindOf } from './errors.ts';
import { Execution } from './execution/execution.ts';
import { isInnerSteps } from './execution/inner-steps.ts';
import { ExecutionStream, readToEnd } from './execution/execution-stream.ts';
import type { ExecutionChunk } from './chunks.ts';
import { flatten, fold, terminalOf } from './execution/layer.ts';
import type { Layer } from './execution/layer.ts';
import { withDeadline } from './kit/wait.ts';
import type { LoggerLike } from './log.ts';
import { MemoryStore } from './session/store/memory-store.ts';
import { checkMessages } from './check-messages.ts';
import { decidedIn, isDecisions } from './decide.ts';
import type { Decided, Input } from './decide.ts';
import type { Message, Part, Role } from './messages.ts';
import type { Middleware } from './context.ts';
import { checkExecutionOptions, checkShutdownOptions, pipelineOptions } from './options.ts';
import type { ExecutionOptions, PipelineOptions } from './options.ts';
import type { ExecutionResult } from './result.ts';
import { keepHiddenClasses } from './execution/hidden-classes.ts';
import { Running } from './kit/running.ts';
import type { Entry } from './kit/running.ts';
import { OutputForms } from './output/forms.ts';
import type { OutputSchema } from './output/schema.ts';
import type { ResultFor } from './output/types.ts';
import { Slots } from './execution/slots.ts';
import { checkSessionKey } from './session/store/check-key.ts';
import type { Branch, SessionKey } from './session/store/store.ts';
import type { PipelineStore } from './session/store/open-session.ts';
import { TimedStore } from './session/store/timed-store.ts';
import type { Stream } from './stream/stream.ts';
import { switchBranch } from './session/switch-branch.ts';
import { endLostTurn } from './session/end-turn.ts';
import type { LostTurn, LostTurnEnd } from './session/end-turn.ts';
import { openTurn } from './session/turn.ts';

/** Options with the schema of an output, from which the type of the result is inferred. */
type OutputOptions<S extends OutputSchema> = ExecutionOptions & { output: S };
/** The same as {@link Arguments}, with the schema of an output. */
type OutputArguments<S extends OutputSchema> =
  [role: Role, content: Content, options: OutputOptions<S>] | [input: Input, options: OutputOptions<S>];
type Content = string | Part[];
/** Role and content, or messages; then options. */
type Arguments =
  [role: Role, content: Content, options?: ExecutionOptions] | [input: Input, options?: ExecutionOptions];

/**
 * Middleware folded around one execution at a time.
 *
 * @example
 * const pipeline = new Pipeline([logging(), retry(), provider(openai())]);
 * const { response, usage } = await pipeline.execute('user', 'Write a haiku');
 */
export class Pipeline implements AsyncDisposable {
  /** The store of its sessions: the option `store`, or one in memory. Each call of it has `storeTimeoutMs`. */
  readonly store: PipelineStore;
  readonly #store: TimedStore;
  readonly #stack: Layer;
  /** Its middleware, the outermost first, with those of composed ones in their place. */
  readonly middleware: readonly Middleware[];
  readonly #options: ReturnType<typeof pipelineOptions>;
  readonly #logger: LoggerLike | undefined;
  readonly #slots: Slots;
  readonly #running = new Running<ExecutionStream>();
  #idle: PromiseWithResolvers<void> | undefined;
  #shutdown: Promise<void> | undefined;

  /** Throws `invalid_options` with a message that names every wrong option. */
  constructor(middleware: readonly Middleware[], options: PipelineOptions = {}) {
    if (!Array.isArray(middleware)) {
      throw new SluiceError(
        'invalid_options',
        `middleware is ${kindOf(middleware)}: give an array of middleware.`,
      );
    }
    this.#options = pipelineOptions(options);
    this.middleware = Object.freeze(flatten(middleware));
    const stack = fold(this.middleware);
    if (stack === undefined) {
      throw new SluiceError(
        'invalid_options',
        'middleware is an empty array: put at least a provider in it.',
      );
    }
    this.#stack = stack;
    this.#logger = options.logger;
    this.#slots = new Slots(this.#options.maxConcurrentExecutions);
    this.#store = new TimedStore(options.store ?? new MemoryStore(), {
      timeoutMs: this.#options.storeTimeoutMs,
    });
    this.store = this.#store;
  }

  /** Runs an execution to its end. Resolves if it completed or was interrupted; rejects with a `SluiceError` otherwise. */
  async execute<const S extends OutputSchema>(...call: OutputArguments<S>): Promise<ResultFor<S>>;
  async execute(...call: Arguments): Promise<ExecutionResult>;
  async execute(...call: Arguments): Promise<ExecutionResult> {
    return readToEnd(this.#open(undefined, call));
  }

  /** The same as a stream. Nothing happens before its first read. */
  executeStream<const S extends OutputSchema>(
    ...call: OutputArguments<S>
  ): Stream<ExecutionChunk, ResultFor<S>>;
  executeStream(...call: Arguments): Stream<ExecutionChunk, ExecutionResult>;
  executeStream(...call: Arguments): Stream<ExecutionChunk, ExecutionResult> {
    return this.#open(undefined, call);
  }

  /**
   * Runs one turn of a session to its end. `[]` in place of a message answers the last one anew (see {@link Pipeline.regenerate}), and `decide(...)` goes on with a turn whose
   * calls wait.
   */
  async executeWithContext<const S extends OutputSchema>(
    sessionId: SessionKey,
    ...call: OutputArguments<S>
  ): Promise<ResultFor<S>>;
  async executeWithContext(sessionId: SessionKey, ...call: Arguments): Promise<ExecutionResult>;
  async executeWithContext(sessionId: SessionKey, ...call: Arguments): Promise<ExecutionResult> {
    checkSessionKey(sessionId);
    return readToEnd(this.#open(sessionId, call));
  }

  /** One turn of a session, as a stream. */
  executeStreamWithContext<const S extends OutputSchema>(
    sessionId: SessionKey,
    ...call: OutputArguments<S>
  ): Stream<ExecutionChunk, ResultFor<S>>;
  executeStreamWithContext(
    sessionId: SessionKey,
    ...call: Arguments
  ): Stream<ExecutionChunk, ExecutionResult>;
  executeStreamWithContext(
    sessionId: SessionKey,
    ...call: Arguments
  ): Stream<ExecutionChunk, ExecutionResult> {
    checkSessionKey(sessionId);
    return this.#open(sessionId, call);
  }

  /**
   * Answers the last message of a session anew, as a stream: the same as `[]` in place of a message. It replaces the whole last turn, with all its rounds of tools, which run
   * again. What it replaces stays as a branch. If the last message has no reply yet, it is just answered.
   */
  regenerate<const S extends OutputSchema>(
    key: SessionKey,
    options: OutputOptions<S>,
  ): Stream<ExecutionChunk, ResultFor<S>>;
  regenerate(key: SessionKey, options?: ExecutionOptions): Stream<ExecutionChunk, ExecutionResult>;
  regenerate(key: SessionKey, options?: ExecutionOptions): Stream<ExecutionChunk, ExecutionResult> {
    return this.executeStreamWithContext(key, [], options);
  }

  /**
   * Replaces a message of the user by another one and answers that, as a stream. `messageId` is one of the ids that `store.load(key, { ids: true })` gives. The old message and all
   * that follows it stay as a branch; it and all its edits have one parent.
   *
   * Fails with `not_found` if no message that is loaded has this id, and with `invalid_request` if it is not the user's.
   *
   * @example
   * const { ids = [] } = (await pipeline.store.load(key, { ids: true })) ?? {};
   * await using stream = pipeline.edit(key, ids[0], 'What is the capital of Italy?');
   */
  edit<const S extends OutputSchema>(
    key: SessionKey,
    messageId: string,
    message: string | Message,
    options: OutputOptions<S>,
  ): Stream<ExecutionChunk, ResultFor<S>>;
  edit(
    key: SessionKey,
    messageId: string,
    message: string | Message,
    options?: ExecutionOptions,
  ): Stream<ExecutionChunk, ExecutionResult>;
  edit(
    key: SessionKey,
    messageId: string,
    message: string | Message,
    options?: ExecutionOptions,
  ): Stream<ExecutionChunk, ExecutionResult> {
    checkSessionKey(key);
    return this.#open(key, [checkEdit(messageId, message), options], messageId);
  }

  /** The branches of a session, in the order in which they were made: see `branches` of {@link StateStore}. */
  branches(key: SessionKey): Promise<Branch[]> {
    return this.store.branches(key);
  }

  /**
   * Selects a branch: it is what is loaded and what the next turn follows. `leafId` is the `id` of one of the {@link Pipeline.branches}, or of any message: the next turn then follows
   * that. Rejects with `session_busy`, retryable, if a turn is running, and with `not_found` if there is no such session or message.
   */
  switchTo(key: SessionKey, leafId: string): Promise<void> {
    return switchBranch(this.#store, key, leafId);
  }

  /**
   * Stores what readers have seen of a turn whose process died, if nobody runs it again: `messages` as the partial reply of a turn that failed, or was cancelled. What that process would write
   * later is refused from then on. It may be called again: the reply is stored once, and never behind messages that came later.
   *
   * Make sure that the process is dead, or was told that it is: a turn that still runs loses its session. Rejects with `store` if the store fails, and with `lease_lost` if somebody takes the
   * session in the meantime.
   */
  endLostTurn(key: SessionKey, lost: LostTurn): Promise<LostTurnEnd> {
    checkSessionKey(key);
    const { leaseMs, saveTimeoutMs } = this.#options;
    return endLostTurn({ store: this.#store, key, leaseMs, saveTimeoutMs }, lost);
  }

  /**
   * Refuses new executions and lets running ones finish. After `shutdownTimeoutMs`, or when the signal aborts, it ends the rest. Then it
   * closes what the pipeline owns. Idempotent.
   */
  shutdown(options: { signal?: AbortSignal } = {}): Promise<void> {
    checkShutdownOptions(options);
    this.#shutdown ??= this.#shutDown(options.signal);
    return this.#shutdown;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  #open(session: SessionKey | undefined, call: Arguments, replaces?: string): ExecutionStream {
    const { input, decided, options } = parseArguments(call);
    if (options !== NO_OPTIONS) checkExecutionOptions(options, session !== undefined);
    if (session === undefined && decided !== undefined)
      throw new SluiceError(
        'invalid_options',
        'decide() is for a turn of a session, whose store has the calls: call executeWithContext().',
      );
    if (session === undefined && input.length === 0)
      throw new SluiceError('invalid_options', 'messages is an empty array: give at least one message.');
    const { system } = options;
    const instructions =
      system === undefined
        ? []
        : checkMessages({ role: 'system', content: typeof system === 'string' ? system : [...system] });
    const { closeTimeoutMs, hookTimeoutMs, executionTimeoutMs, idleTimeoutMs, streamBufferSize } =
      this.#options;
    const { leaseMs, maxQueuedTurns, historyLimit, saveTimeoutMs } = this.#options;
    // Not in the constructor: Workers allow no random id where a module starts, and pipelines are made there.
    keepHiddenClasses();
    const execution = new Execution({
      closeTimeoutMs,
      hookTimeoutMs,
      metadata: options.metadata ?? {},
      values: options.values,
      logger: this.#logger,
      inside: isInnerSteps(options.steps) ? options.steps : undefined,
    });
    const output =
      options.output === undefined ? undefined : { schema: options.output, forms: new OutputForms() };
    const source = new ExecutionSource({
      execution,
      stack: this.#stack,
      system: instructions,
      request: {
        messages: input,
        parameters: options.parameters ?? {},
        ...(options.model !== undefined && { model: options.model }),
        ...(options.tools !== undefined && { tools: options.tools }),
        ...(options.responseFormat !== undefined && { responseFormat: options.responseFormat }),
        ...(output !== undefined && { output }),
        ...(options.metadata !== undefined && { metadata: options.metadata }),
      },
      signal: options.signal,
      timeoutsMs: [executionTimeoutMs, options.timeoutMs],
      idleTimeoutMs,
      deadline: options.deadline instanceof Date ? options.deadline.getTime() : options.deadline,
      slot: (signalOf) => this.#slots.acquire(signalOf),
      turn:
        session === undefined
          ? undefined
          : (signal) =>
              openTurn({
                store: this.#store.until(signal),
                key: session,
                input,
                decided,
                replaces,
                turnId: options.turnId,
                onBusy: options.onBusy ?? this.#options.onBusy,
                leaseMs,
                maxQueuedTurns,
                historyLimit,
                saveTimeoutMs,
                signal,
                warn: (message) => execution.warn(message),
                abort: (error) => stream.abort(error),
              }),
      onTurn: options.onTurn,
      started: () => this.#started(running, execution.around !== undefined),
      finished: () => this.#finished(running),
    });
    const stream = new ExecutionStream(source, streamBufferSize);
    const running: Entry<ExecutionStream> = { one: stream, place: undefined };
    return stream;
  }

  #started(running: Entry<ExecutionStream>, isInside: boolean): void {
    this.#running.add(running);
    // One inside a call is part of an execution that may finish, unless the pipeline is closed already.
    const isRefused = this.#shutdown !== undefined && !(isInside && this.#running.size > 1);
    if (isRefused)
      throw new SluiceError('shutting_down', 'The pipeline is shutting down: no new execution is taken.');
  }

  #finished(running: Entry<ExecutionStream>): void {
    this.#running.delete(running);
    if (this.#running.size === 0) this.#idle?.resolve();
  }

  async #shutDown(signal: AbortSignal | undefined): Promise<void> {
    if (this.#running.size > 0 && signal?.aborted !== true) await this.#drained(signal);
    await Promise.all(this.#running.all.map((stream) => stream.shutDown()));
    while (this.#running.size > 0) await this.#nextIdle();
    const closes: Promise<void>[] = [];
    if (this.#options.own || this.#options.store === undefined) closes.push(this.store.close());
    if (this.#options.own)
      closes.push(...this.middleware.map(async (middleware) => terminalOf(middleware)?.close?.()));
    // All are closed before a failure is reported.
    const failed = (await Promise.allSettled(closes)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  #nextIdle(): Promise<void> {
    this.#idle = Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /** Waits until nothing runs, the time is over, or the signal aborts. */
  async #drained(signal: AbortSignal | undefined): Promise<void> {
    const waiting = withDeadline(this.#nextIdle(), this.#options.shutdownTimeoutMs, { signal });
    await waiting.catch(() => undefined);
  }
}

/** The options of most calls. There is nothing to check. */
const NO_OPTIONS: ExecutionOptions = Object.freeze({});

/** What an execution was called with. */
interface Parsed {
  input: Message[];
  decided?: Decided;
  options: ExecutionOptions;
}

function checkEdit(messageId: string, message: string | Message): Message {
  if (typeof messageId !== 'string')
    throw new SluiceError('invalid_options', `messageId is ${kindOf(messageId)}: give the id of a message.`);
  const [first, ...more] = checkMessages(
    typeof message === 'string' ? { role: 'user', content: message } : message,
  );
  if (first?.role === 'user' && more.length === 0) return first;
  const found = more.length > 0 || first === undefined ? 'an array' : `a message of the role ${first.role}`;
  throw new SluiceError('invalid_options', `message is ${found}: give one message of the user, or its text.`);
}

function parseArguments(call: Arguments): Parsed {
  const [first, second, third] = call;
  if (typeof first === 'string') {
    if (typeof second !== 'string' && !Array.isArray(second)) {
      throw new SluiceError(
        'invalid_options',
        `content is ${kindOf(second)}: give a string or an array of parts.`,
      );
    }
    return { input: checkMessages({ role: first, content: second }), options: third ?? NO_OPTIONS };
  }
  if (typeof first !== 'object' || first === null) {
    throw new SluiceError(
      'invalid_options',
      `role is ${kindOf(first)}: give a role and content, a message or messages.`,
    );
  }
  if (typeof second === 'string' || Array.isArray(second)) {
    throw new SluiceError(
      'invalid_options',
      `options is ${kindOf(second)}: give an object after the messages.`,
    );
  }
  const options = second ?? NO_OPTIONS;
  if (isDecisions(first)) return { input: [], decided: decidedIn(first), options };
  return { input: checkMessages(first), options };
}
