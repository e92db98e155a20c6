import type { Call, CallEnd, CallObserver, RateLimits } from '../call.ts';
import type { StreamChunk } from '../chunks.ts';
import { chunkError, isChunk } from './check-chunk.ts';
import type { ModelRequest } from '../request.ts';
import type { SpanHandle } from '../trace.ts';
import type { StreamEnd } from '../stream/tap.ts';
import type { Reply } from '../request.ts';
import { estimateInputTokens, estimateTokens } from '../tokens.ts';
import { noUsage } from '../usage.ts';
import type { Cost, Usage } from '../usage.ts';

/** The runtime's record of one run of the terminal middleware. */
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
  /** An observer threw at the start, or has it wait: the call was not made (yet). */
  refused = false;
  /** What the call waits for, as its observers say. */
  ready: Promise<unknown> | undefined;
  #rateLimits: RateLimits | undefined;
  readonly #warnings: string[] = [];
  #observers: readonly CallObserver[] = [];
  /** Those of them that look at chunks. */
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
    // Told of by whoever waits.
    this.ready.catch(() => undefined);
  }

  get rateLimits(): RateLimits | undefined {
    return this.#rateLimits;
  }

  /** Set by the provider when the headers are there. */
  set rateLimits(limits: RateLimits | undefined) {
    this.#rateLimits = limits;
    if (limits === undefined) return;
    for (const observer of this.#observers) this.#tell(() => observer.rateLimits?.(limits));
  }

  /** Numbers a chunk and shows it to the observers. */
  addChunk(chunk: StreamChunk): void {
    if (!isChunk(chunk)) throw chunkError(this.span.span.name, chunk);
    chunk.call = this.number;
    if (chunk.type === 'content' || chunk.type === 'thinking') this.outputCharacters += chunk.content.length;
    else if (chunk.type === 'tool_call_delta') this.outputCharacters += chunk.argumentsDelta.length;
    for (const observer of this.#chunkObservers) observer.chunk?.(chunk);
  }

  /** Settles usage, tells the observers, closes the span. Returns warnings of observers that threw. */
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

  /** An observer of what has happened must not change it by throwing. */
  #tell(say: () => void): void {
    try {
      say();
    } catch (thrown) {
      const kind = thrown instanceof Error ? thrown.name : 'no Error';
      this.#warnings.push(`An observer of call ${this.number} threw ${kind}.`);
    }
  }

  /** An end is never lost to an estimate: a request that nobody could count is told as a warning. */
  #usageOf(ending: StreamEnd<Reply>): Usage {
    try {
      return this.#settleUsage(ending);
    } catch (thrown) {
      const kind = thrown instanceof Error ? thrown.name : 'a value that is no Error';
      this.#warnings.push(`The tokens of call ${this.number} could not be estimated (${kind}).`);
      return { ...noUsage(), estimated: true };
    }
  }

  /** What the provider said; what it left unsaid is estimated and marked so. */
  #settleUsage({ reply, error }: StreamEnd<Reply>): Usage {
    if (this.refused) return noUsage();
    if (reply?.usage !== undefined) return reply.usage;
    const reported = this.usage;
    const nothingCame = this.outputCharacters === 0 && reported === undefined;
    // Refused before any token was made: no provider bills that.
    if (nothingCame && error?.status !== undefined) return noUsage();
    // Never answered, so most likely never run.
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
