import type { Call, CallEnd, CallObserver, CallProgress, LifeSign, RateLimits } from '../call.ts';
import { checkedCost } from '../checked-usage.ts';
import type { StreamChunk, ToolCallChunk } from '../chunks.ts';
import { kindOf } from '../errors.ts';
import { guarded, ignored, kindOfThrown } from '../kit/thrown.ts';
import { asRequestId } from '../kit/served-names.ts';
import { asSluiceError, middlewareError } from '../middleware-error.ts';
import { CallUsage } from './call-usage.ts';
import { chunkError, isChunk } from './check-chunk.ts';
import { numbered } from './chunk-copies.ts';
import type { ModelRequest } from '../request.ts';
import type { SpanHandle } from '../trace.ts';
import type { Stamp } from '../stream/stamp.ts';
import type { CallTap, StreamEnd } from '../stream/tap.ts';
import type { Reply } from '../request.ts';
import { noUsage } from '../usage.ts';
import type { Cost, Usage } from '../usage.ts';

/** An observer and the layer that it belongs to. */
interface NamedObserver {
  name: string;
  observer: CallObserver;
}

const NONE: readonly NamedObserver[] = [];

/** One model call: its usage, its observers, its span. */
export class CallRecord implements Call, Stamp {
  readonly number: number;
  readonly request: ModelRequest;
  readonly span: SpanHandle;
  provider: string | undefined;
  model: string | undefined;
  source: object | undefined;
  serviceTier: string | undefined;
  server: string | undefined;
  progress: CallProgress | undefined;
  outputCharacters = 0;
  /** Whether nothing has been sent: an observer threw at the start, or the call still waits for one. */
  refused = false;
  /** What the observers want the call to wait for. */
  ready: Promise<unknown> | undefined;
  /** Whether its source has been asked and has given nothing yet. */
  waitedFor = false;
  /** Grows with each wait for its source and each sign of life. A count, because a look at the clock for each read costs too much. */
  signs = 0;
  #rateLimits: RateLimits | undefined;
  #cost: Cost | undefined;
  /** Settled at the end. */
  #settled: Usage | undefined;
  /** Whether a part of an answer came. */
  #hasAnswered = false;
  /** The tool calls whose arguments were counted as they came, and the last of them. */
  #streamedCalls: Set<string> | undefined;
  #lastStreamed: string | undefined;
  readonly #usage: CallUsage;
  #warnings: string[] | undefined;
  /** The innermost first. */
  #observers: readonly NamedObserver[] = NONE;
  /** The observers that see chunks. */
  #chunkObservers: readonly NamedObserver[] = NONE;
  /** The observers that get signs of life. */
  #lifeObservers: readonly NamedObserver[] = NONE;

  constructor(number: number, request: ModelRequest, span: SpanHandle) {
    this.number = number;
    this.request = request;
    this.span = span;
    this.model = request.model;
    this.#usage = new CallUsage(this);
  }

  get usage(): Usage | undefined {
    return this.#settled ?? this.#usage.reported;
  }

  /** Set by the provider while it streams. */
  set usage(reported: Usage | undefined) {
    this.#usage.report(reported);
  }

  get cost(): Cost | undefined {
    return this.#cost;
  }

  set cost(given: Cost | undefined) {
    const { cost, wrong } = given === undefined ? {} : checkedCost(given);
    this.#cost = cost;
    if (wrong !== undefined) this.warn(`The cost of call ${this.number} is unknown, because its ${wrong}.`);
  }

  /** The usage at the end, or so far. */
  get usageSoFar(): Usage {
    return this.#settled ?? (this.refused ? noUsage() : this.#usage.soFar(this.#hasAnswered));
  }

  /** The cost at the end, or so far. Undefined if nobody knows the prices. */
  get costSoFar(): Cost | undefined {
    if (this.#settled !== undefined || this.#cost !== undefined) return this.#cost;
    const usage = this.usageSoFar;
    for (const mine of this.#observers) {
      let cost: Cost | undefined;
      this.#tell(mine, 'cost', (observer) => (cost = observer.cost?.(usage)));
      if (cost !== undefined) return checkedCost(cost).cost;
    }
    return undefined;
  }

  /** Shows the call to those who see it, which are given the outermost first. What one throws refuses the call. */
  tell(taps: readonly CallTap[]): void {
    const outermostFirst: NamedObserver[] = [];
    try {
      for (const { name, tap } of taps) {
        const observer = this.#observerOf(name, tap);
        if (observer === undefined) continue;
        outermostFirst.push({ name, observer });
        if (observer.ready !== undefined) this.#waitFor(observer.ready);
      }
    } finally {
      // Also those that saw a call which a later one refused.
      const all = outermostFirst.toReversed();
      this.#observers = all;
      this.#chunkObservers = having('chunk', all);
      this.#lifeObservers = having('alive', all);
    }
  }

  #observerOf(name: string, tap: CallTap['tap']): CallObserver | undefined {
    let observer: CallObserver | void;
    try {
      observer = tap.call?.(this);
    } catch (thrown) {
      throw asSluiceError(thrown, name);
    }
    return isObserver(name, observer) ? observer : undefined;
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
    for (const mine of this.#observers)
      this.#tell(mine, 'rateLimits', (observer) => observer.rateLimits?.(limits));
  }

  /** Called before its source is asked. */
  waits(): void {
    this.waitedFor = true;
    this.signs++;
  }

  alive(sign: LifeSign = 'alive'): void {
    this.signs++;
    for (const mine of this.#lifeObservers) this.#tell(mine, 'alive', (observer) => observer.alive?.(sign));
  }

  makesCopies(): boolean {
    return true;
  }

  get last(): number {
    return this.number;
  }

  /** No chunk of a call goes on as it is: it may be frozen, or used again. */
  passes(): boolean {
    return false;
  }

  /** Numbers a copy of a chunk, counts it and shows it to the observers. */
  admit(given: StreamChunk): StreamChunk {
    if (!isChunk(given)) throw chunkError(this.span.span.name, given);
    this.waitedFor = false;
    const chunk = this.#numbered(given);
    this.#hasAnswered = true;
    if (chunk.type === 'content' || chunk.type === 'thinking') this.outputCharacters += chunk.content.length;
    else if (chunk.type === 'tool_call_delta') this.#addArguments(chunk.id, chunk.argumentsDelta);
    else if (chunk.type === 'tool_call') this.#addToolCall(chunk);
    if (this.#chunkObservers.length > 0) this.#show(chunk);
    return chunk;
  }

  /** A reset of a provider voids the call itself, which is all that came of it. */
  #numbered(chunk: StreamChunk): StreamChunk {
    if (chunk.type !== 'reset') return numbered(chunk, this.number);
    return {
      type: 'reset',
      from: this.number,
      calls: [this.number],
      reason: chunk.reason,
      call: this.number,
    };
  }

  get isOver(): boolean {
    return this.#settled !== undefined;
  }

  /** Settles the usage, tells the observers and closes the span. Returns warnings about observers that threw. */
  end(ending: StreamEnd<Reply>): string[] {
    const { outcome, reply, error } = ending;
    this.provider = reply?.provider ?? this.provider;
    this.model = reply?.model ?? this.model;
    this.serviceTier = reply?.serviceTier ?? this.serviceTier;
    const usage = this.refused ? noUsage() : this.#usage.settle(ending, this.#hasAnswered);
    this.#settled = usage;
    const end: CallEnd = { outcome, reply, error, usage };
    for (const mine of this.#observers) this.#tell(mine, 'end', (observer) => observer.end?.(end));
    const { attributes } = this.span.span;
    if (this.provider !== undefined) attributes.provider = this.provider;
    if (this.model !== undefined) attributes.model = this.model;
    const requestId = asRequestId(reply?.requestId);
    if (requestId !== undefined) attributes.requestId = requestId;
    this.span.end({ outcome, usage, cost: this.cost, errorCode: error?.code });
    return this.#warnings ?? [];
  }

  #show(chunk: StreamChunk): void {
    for (const { name, observer } of this.#chunkObservers) {
      try {
        // An async function is a mistake, but no reason to end the process.
        const answer: unknown = observer.chunk?.(chunk);
        if (typeof answer === 'object') ignored(answer);
      } catch (thrown) {
        throw asSluiceError(thrown, name);
      }
    }
  }

  /** What an observer throws here must not change what it observes. */
  #tell({ name, observer }: NamedObserver, what: string, say: (observer: CallObserver) => unknown): void {
    guarded(
      () => say(observer),
      (thrown) =>
        this.warn(
          `"${name}" threw ${kindOfThrown(thrown)} in the ${what}() of its tap on call ${this.number}.`,
        ),
    );
  }

  #addArguments(id: string, delta: string): void {
    if (id !== this.#lastStreamed) (this.#streamedCalls ??= new Set()).add((this.#lastStreamed = id));
    this.outputCharacters += delta.length;
  }

  /** Counts a tool call that came at once, without deltas. */
  #addToolCall({ id, arguments: given, providerExecuted }: ToolCallChunk): void {
    if (this.#streamedCalls?.has(id) === true || providerExecuted === true) return;
    this.outputCharacters += textLength(given);
  }

  /** Its warnings are those of the execution, once it has ended. */
  warn(message: string): void {
    const warnings = (this.#warnings ??= []);
    if (!warnings.includes(message)) warnings.push(message);
  }
}

/** How many characters a value has as JSON; 0 if it has none. */
function textLength(value: unknown): number {
  try {
    return JSON.stringify(value)?.length ?? 0;
  } catch {
    return 0;
  }
}

/** Whether a tap wants to observe the call. Throws for what plain JavaScript may return by mistake and would never be heard. */
function isObserver(name: string, given: unknown): given is CallObserver {
  if (typeof given !== 'object' || given === null) return false;
  if ('then' in given) {
    ignored(given);
    const advice = 'return { ready: promise } to let the call wait';
    throw middlewareError(name, `returned a promise from tap({ call }): ${advice}.`);
  }
  const { rateLimits, alive, chunk, end, cost }: Partial<Record<keyof CallObserver, unknown>> = given;
  checkFunction(name, 'rateLimits', rateLimits);
  checkFunction(name, 'alive', alive);
  checkFunction(name, 'chunk', chunk);
  checkFunction(name, 'end', end);
  checkFunction(name, 'cost', cost);
  return true;
}

function checkFunction(name: string, key: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw middlewareError(name, `observes a call with ${key} that is ${kindOf(value)}: give a function.`);
}

/** Those that have a function. In a list of their own, because it is asked for every chunk; none that has room for more. */
function having(key: 'chunk' | 'alive', all: readonly NamedObserver[]): readonly NamedObserver[] {
  const some = all.filter(({ observer }) => observer[key] !== undefined);
  if (some.length === all.length) return all;
  return some.length === 0 ? NONE : some.slice();
}
