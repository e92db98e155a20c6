import type { StreamChunk } from './chunks.ts';
import type { SluiceError } from './errors.ts';
import type { ModelRequest, Reply } from './request.ts';
import type { Outcome } from './result.ts';
import type { SpanHandle } from './trace.ts';
import type { Cost, Usage } from './usage.ts';

/** How a model call ended. */
export interface CallEnd {
  outcome: Outcome;
  /** Present where the call completed. */
  reply?: Reply | undefined;
  error?: SluiceError | undefined;
  /** What the provider reported, else an estimate marked so. */
  usage: Usage;
}

/** What an observer of a call wants to hear. All but `ready` is synchronous, and `chunk` is on the hot path. */
export interface CallObserver {
  /**
   * The call waits for it: nothing is sent before it resolves, nothing at all where it rejects. A call that no `terminal()` marks is seen when it
   * is made already, and does not wait.
   */
  ready?: Promise<unknown> | undefined;
  /** The provider's headers have told of its limits. */
  rateLimits?(limits: RateLimits): void;
  chunk?(chunk: StreamChunk): void;
  end?(end: CallEnd): void;
}

/** What a provider's headers say of its limits. What it leaves unsaid is absent. */
export interface RateLimits {
  /** When the headers came, in milliseconds since the epoch. */
  atMs: number;
  limitRequests?: number;
  remainingRequests?: number;
  /** From `atMs` until all requests are free again. */
  resetRequestsMs?: number;
  limitTokens?: number;
  remainingTokens?: number;
  /** From `atMs` until all tokens are free again. */
  resetTokensMs?: number;
}

/** One run of the terminal middleware. */
export interface Call {
  /** From 1 within the execution, in order of the start. */
  readonly number: number;
  /** The request as the terminal middleware sees it. */
  readonly request: ModelRequest;
  readonly span: SpanHandle;
  /** The provider's name, as soon as it is known. */
  provider: string | undefined;
  /** The model asked for, then the one that answered. */
  model: string | undefined;
  /** What the provider has reported so far; providers set it while they stream. */
  usage: Usage | undefined;
  /** The tier that is billed, where the provider says so. */
  serviceTier: string | undefined;
  /** Set by providers as soon as the headers are there, those of errors too. */
  rateLimits?: RateLimits | undefined;
  /** Set by whoever knows the prices; it is what the execution's cost sums. */
  cost: Cost | undefined;
  /** Characters of content, thinking and tool arguments so far: the base of an estimate. */
  readonly outputCharacters: number;
}
