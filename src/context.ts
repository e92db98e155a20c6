import type { ContextKey } from './keys.ts';
import type { Logger } from './log.ts';
import type { ModelRequest, Reply } from './request.ts';
import type { Outcome } from './outcome.ts';
import type { SluiceError } from './errors.ts';
import type { Stream } from './stream/stream.ts';
import type { StreamChunk } from './chunks.ts';
import type { ExecutionTrace } from './trace.ts';
import type { TurnSteps } from './execution/turn-steps.ts';
import type { Cost, Usage } from './usage.ts';

/** How an execution ended, as its `onEnd` hooks see it. */
export interface ExecutionEnd {
  outcome: Outcome;
  /** Why it was interrupted or cancelled. Undefined if whoever cancelled it gave no short text as the reason. */
  reason?: string | undefined;
  error?: SluiceError | undefined;
  usage: Usage;
  cost: Cost;
  /** From the first pull to now. */
  latencyMs: number;
  timeToFirstChunkMs?: number | undefined;
}

/** Runs at the end of an execution. A function that it resolves to is called when the turn is stored; `stored` is false if it could not be. */
export type EndHook = (end: ExecutionEnd) => AfterTurn | Promise<AfterTurn>;

/** What a hook wants to be called after the turn is stored, if anything. */
export type AfterTurn = void | ((stored: boolean) => void);

/** Values of a session, typed by their keys; saved with the turn. */
export interface SessionView {
  readonly id: string;
  readonly owner: string;
  get<T>(key: ContextKey<T>): T | undefined;
  set<T>(key: ContextKey<T>, value: T): void;
}

/**
 * What a middleware knows and may do. `request` and `signal` belong to the layer. Everything else is shared by the whole execution.
 */
export interface ExecutionContext {
  /** Id of the execution. */
  readonly id: string;
  /** The request as this layer sees it. Read-only: pass changes to `next()`. */
  readonly request: ModelRequest;
  /** Aborted when the attempt that this layer belongs to ends early. Its reason is a `SluiceError`. */
  readonly signal: AbortSignal;
  /** When the execution must be over, in milliseconds since the epoch; undefined: no limit. */
  readonly deadline: number | undefined;
  readonly log: Logger;
  /** The spans of the execution, and how to add one. */
  readonly trace: ExecutionTrace;
  /** The session's values; undefined if the execution has no session. */
  readonly session: SessionView | undefined;
  /** What the turn has recorded step by step, so that another run of it goes on from there. For layers that do what must not be done twice. */
  readonly steps: TurnSteps;
  get<T>(key: ContextKey<T>): T | undefined;
  set<T>(key: ContextKey<T>, value: T): void;
  /**
   * The value under a key. The first layer that asks makes it, and each later run of any layer within the execution gets the same one. This is
   * the place for what a middleware has once per execution, and for its `onEnd`. `get` and `set` see the same value. If `make` throws, nothing is kept.
   */
  once<T>(key: ContextKey<T>, make: () => T): T;
  /**
   * Runs once, before the consumer learns of the end. Hooks run in reverse order and are awaited. A function that a hook resolves to is
   * called when the turn is stored, which is before the consumer learns of the end, too.
   */
  onEnd(hook: EndHook): void;
  /** Ends the execution on purpose: the current chunk is delivered, the rest is dropped. Never throws. The first call decides. */
  interrupt(reason: string): void;
  /** Runs another middleware as a layer below this one, with this layer's `next`. */
  run(middleware: Middleware, changes?: Partial<ModelRequest>): Stream<StreamChunk, Reply>;
  /** Adds to `result.warnings`. */
  warn(message: string): void;
}

/**
 * Starts a new attempt of the rest of the stack. It is lazy: nothing runs before the first pull of the stream.
 * `changes` replaces whole keys of the request.
 */
export type Next = (changes?: Partial<ModelRequest>) => Stream<StreamChunk, Reply>;

/**
 * A middleware: a function that takes `(context, next)` and returns a stream. The function's name is the name of the middleware in
 * errors, traces and logs.
 *
 * @example
 * const logging = (): Middleware => async function* logging(context, next) {
 *   const reply = yield* next();
 *   context.log.info('reply', { usage: reply.usage });
 *   return reply;
 * };
 */
export type Middleware = (
  context: ExecutionContext,
  next: Next,
) =>
  | Stream<StreamChunk, Reply>
  | Promise<Stream<StreamChunk, Reply>>
  | AsyncGenerator<StreamChunk, Partial<Reply> | void, void>;
