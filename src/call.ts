import type { StreamChunk } from './chunks.ts';
import type { SluiceError } from './errors.ts';
import type { ModelRequest, Reply } from './request.ts';
import type { Outcome } from './outcome.ts';
import type { SpanHandle } from './trace.ts';
import type { Cost, Usage } from './usage.ts';

/** How a model call ended. */
export interface CallEnd {
  outcome: Outcome;
  /** Present if the call completed. */
  reply?: Reply | undefined;
  error?: SluiceError | undefined;
  /** What the provider reported; otherwise an estimate, marked `estimated`. */
  usage: Usage;
}

/**
 * What a tap wants to know about a call. All methods are synchronous. They run from the innermost layer to the outermost, so that an outer one
 * finds what an inner one has set, such as `call.cost`. Each observer gets exactly one `end`, also if the call was refused.
 */
export interface CallObserver {
  /**
   * The call waits for this promise: nothing is sent before those of all observers have resolved. The first that rejects refuses the call. If the
   * execution ends meanwhile, `end` is called at once, and what the promise acquires later must be given back by whoever made it.
   */
  ready?: Promise<unknown> | undefined;
  /** Called when the provider's headers contain its limits. What it throws becomes a warning. */
  rateLimits?(limits: RateLimits): void;
  /** Called when the server has sent something without output: see {@link Call.alive}. What it throws becomes a warning. */
  alive?(sign: LifeSign): void;
  /** Called for every chunk of the call. What it throws ends the call with that error. */
  chunk?(chunk: StreamChunk): void;
  /** Called once, at the end of the call. What it throws becomes a warning. */
  end?(end: CallEnd): void;
  /** What the running call has cost so far, with this usage, if the observer knows. Asked for `partial.cost`. */
  cost?(usage: Usage): Cost | undefined;
}

/**
 * What an event of a server says that has no output in it. `alive`: the server lives, as a ping, a status, an empty delta or hidden thinking says.
 * `progress`: the answer goes on, as an event of a tool says that the provider runs itself.
 */
export type LifeSign = 'alive' | 'progress';

/** The limits in a provider's headers. A limit that is not reported is absent. */
export interface RateLimits {
  /** When the headers arrived, in milliseconds since the epoch. */
  atMs: number;
  limitRequests?: number;
  remainingRequests?: number;
  /** Milliseconds from `atMs` until all requests are available again. */
  resetRequestsMs?: number;
  limitTokens?: number;
  remainingTokens?: number;
  /** Milliseconds from `atMs` until all tokens are available again. */
  resetTokensMs?: number;
}

/**
 * How far a call got: `unsent` until its request goes out, `sent` after that, `accepted` after the server has answered with a status of
 * success.
 */
export type CallProgress = 'unsent' | 'sent' | 'accepted';

/** One run of the terminal middleware. */
export interface Call {
  /** Counts from 1 within the execution, in the order in which calls begin. */
  readonly number: number;
  /** The request as the terminal middleware sees it. */
  readonly request: ModelRequest;
  readonly span: SpanHandle;
  /** The provider's name, as soon as it is known. */
  provider: string | undefined;
  /** The requested model; after the answer begins, the model that answered. */
  model: string | undefined;
  /** What answers it: the same object for all calls of one provider, in every pipeline, for whoever counts them together. */
  source?: object | undefined;
  /** What the provider has reported so far; providers set it while they stream. It is checked: what is not a count is estimated. */
  usage: Usage | undefined;
  /** The service tier that is billed, if the provider reports it. */
  serviceTier: string | undefined;
  /**
   * The address of the server, without credentials, if the provider has its default name. Then the name does not say whose service it is, and
   * the prices of the list hold only if the address belongs to a provider of the list.
   */
  server?: string | undefined;
  /** Set by providers. A call that was never sent costs exactly 0. One that was accepted has run, whatever broke it. Undefined: not told. */
  progress?: CallProgress | undefined;
  /** Set by providers as soon as the headers arrive, also those of an error. */
  rateLimits?: RateLimits | undefined;
  /** Set by a middleware that knows the prices, such as `cost()`. The execution's cost is the sum of these. */
  cost: Cost | undefined;
  /** Characters of content, thinking and tool arguments so far; usage is estimated from this. */
  readonly outputCharacters: number;
  /**
   * Called by providers for each event of the server without output, so that limits on silence know that it lives. Not for comments that keep a
   * connection open: a proxy may send them for a server that is gone. Default: `alive`.
   */
  alive(sign?: LifeSign): void;
}
