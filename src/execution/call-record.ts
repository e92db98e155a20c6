import type { Call, CallEnd, CallObserver, RateLimits } from '../call.ts';
import type { StreamChunk } from '../chunks.ts';
import { kindOfThrown } from '../kit/thrown.ts';
import { chunkError, isChunk } from './check-chunk.ts';
import type { ModelRequest } from '../request.ts';
import type { SpanHandle } from '../trace.ts';
import type { StreamEnd } from '../stream/tap.ts';
import type { Reply } from '../request.ts';
import { estimateInputTokens, estimateTokens } from '../tokens.ts';
import { noUsage } from '../usage.ts';
import type { Cost, Usage } from '../usage.ts';

/** One model call: its usage, its observers, its span. */
export class CallRecord implements Call {
  readonly number: number;
  readonly request: ModelRequest;
  readonly span: SpanHandle;
  provider: string | undefined;
  model: string | undefined;
  usage: Usage | undefined;
  serviceTier: string | undefined;
  cost: Cost | undefined;
  outputCharacters = 0;
  /** Whether nothing has been sent: an observer threw at the start, or the call still waits for one. */
  refused = false;
  /** What the observers want the call to wait for. */
  ready: Promise<unknown> | undefined;
  #rateLimits: RateLimits | undefined;
  readonly #warnings: string[] = [];
  #observers: readonly CallObserver[] = [];
  /** The observers that see chunks. */
  #chunkObservers: readonly CallObserver[] = [];

  constructor(number: number, request: ModelRequest, span: SpanHandle) {
    this.number = number;
    this.request = request;
    this.span = span;
    this.model = request.model;
  }

  addObserver(observer: CallObserver): void {
    if (observer.ready !== undefined) this.#waitFor(observer.ready);
    this.#observers = this.#observers.concat(observer);
    if (observer.chunk !== undefined) this.#chunkObservers = this.#chunkObservers.concat(observer);
  }

  #waitFor(ready: Promise<unknown>): void {
    this.ready = this.ready === undefined ? ready : Promise.all([this.ready, ready]);
    // Whoever waits reports the error.
    this.ready.catch(() => undefined);
  }

  get rateLimits(): RateLimits | undefined {
    return this.#rateLimits;
  }

  /** Set by the provider when the headers arrive. */
  set rateLimits(limits: RateLimits | undefined) {
    this.#rateLimits = limits;
    if (limits === undefined) return;
    for (const observer of this.#observers) this.#tell(() => observer.rateLimits?.(limits));
  }

  /** Numbers a chunk, counts it and shows it to the observers. */
  addChunk(chunk: StreamChunk): void {
    if (!isChunk(chunk)) throw chunkError(this.span.span.name, chunk);
    chunk.call = this.number;
    if (chunk.type === 'content' || chunk.type === 'thinking') this.outputCharacters += chunk.content.length;
    else if (chunk.type === 'tool_call_delta') this.outputCharacters += chunk.argumentsDelta.length;
    for (const observer of this.#chunkObservers) observer.chunk?.(chunk);
  }

  /** Settles the usage, tells the observers and closes the span. Returns warnings about observers that threw. */
  end(ending: StreamEnd<Reply>): string[] {
    const { outcome, reply, error } = ending;
    this.provider = reply?.provider ?? this.provider;
    this.model = reply?.model ?? this.model;
    this.serviceTier = reply?.serviceTier ?? this.serviceTier;
    const usage = this.#usageOf(ending);
    this.usage = usage;
    const end: CallEnd = { outcome, reply, error, usage };
    for (const observer of this.#observers) this.#tell(() => observer.end?.(end));
    if (this.provider !== undefined) this.span.set({ provider: this.provider });
    if (this.model !== undefined) this.span.set({ model: this.model });
    if (reply?.requestId !== undefined) this.span.set({ requestId: reply.requestId });
    this.span.end({ outcome, usage, cost: this.cost, errorCode: error?.code });
    return this.#warnings;
  }

  /** An observer that throws must not change what it observes. */
  #tell(say: () => void): void {
    try {
      say();
    } catch (thrown) {
      this.#warnings.push(`An observer of call ${this.number} threw ${kindOfThrown(thrown)}.`);
    }
  }

  /** A request that cannot be estimated becomes a warning, so that the end is not lost. */
  #usageOf(ending: StreamEnd<Reply>): Usage {
    try {
      return this.#settleUsage(ending);
    } catch (thrown) {
      this.#warnings.push(
        `The tokens of call ${this.number} could not be estimated (${kindOfThrown(thrown)}).`,
      );
      return { ...noUsage(), estimated: true };
    }
  }

  /** What the provider reported. What it did not report is estimated, and marked as an estimate. */
  #settleUsage({ reply, error }: StreamEnd<Reply>): Usage {
    if (this.refused) return noUsage();
    if (reply?.usage !== undefined) return reply.usage;
    const reported = this.usage;
    const nothingCame = this.outputCharacters === 0 && reported === undefined;
    // Refused before any token was made. No provider bills that.
    if (nothingCame && error?.status !== undefined) return noUsage();
    // No answer came, so most likely the model never ran.
    if (nothingCame && error?.code === 'network') return { ...noUsage(), estimated: true };
    const inputTokens = reported?.inputTokens ?? estimateInputTokens(this.request);
    const outputTokens = Math.max(reported?.outputTokens ?? 0, estimateTokens(this.outputCharacters));
    return {
      ...(reported ?? noUsage()),
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      estimated: true,
    };
  }
}
