import { guarded, kindOfThrown } from './kit/thrown.ts';
import type { Outcome } from './outcome.ts';
import type { Cost, Usage } from './usage.ts';

/** What a span measures: the execution, one model call, or one run of a tool. */
export type SpanKind = 'execution' | 'call' | 'tool';

/** Values that a span may carry. Prompts and keys are never among them. */
export type Attributes = Record<string, string | number | boolean>;

/** One finished or running piece of work: plain data. */
export interface Span {
  id: string;
  parentId?: string;
  kind: SpanKind;
  name: string;
  /** Milliseconds since the epoch. */
  startMs: number;
  /** Absent while it runs. */
  durationMs?: number;
  outcome?: Outcome;
  attributes: Attributes;
  usage?: Usage;
  cost?: Cost;
  /** The code of the error, if it failed. */
  errorCode?: string;
}

/** How a span ends. */
export interface SpanEnd {
  outcome: Outcome;
  usage?: Usage | undefined;
  cost?: Cost | undefined;
  errorCode?: string | undefined;
}

/** A running span. Only the first `end` counts. */
export interface SpanHandle {
  readonly span: Span;
  set(attributes: Attributes): void;
  end(end?: SpanEnd): void;
}

/** Is told the start and the end of each span, as an exporter needs. Nobody waits for it. Its first error becomes a warning. */
export interface SpanListener {
  start?(span: Span): unknown;
  end?(span: Span): unknown;
}

/** The trace of one execution, as its layers see it. */
export interface ExecutionTrace {
  /** The spans so far, in order of their start: plain data, to be read only. */
  readonly spans: readonly Readonly<Span>[];
  /** Opens a span under that of the execution. End it with `end()` of what it returns. */
  span(kind: SpanKind, name: string, attributes?: Attributes): SpanHandle;
  /** Tells a listener the start and the end of each span, also the start of those that run already. */
  onSpan(listener: SpanListener): void;
}

/** Where the spans of an execution hang that runs inside a call of another one. */
interface InsideCall {
  readonly span: Span | undefined;
  readonly around: { readonly trace: Trace } | undefined;
}

/** The spans of one execution, and of those inside its calls. */
export class Trace implements ExecutionTrace {
  readonly spans: Span[] = [];
  /** The span of the execution. The others are below it. */
  #root: Span | undefined;
  #listeners: readonly SpanListener[] = [];
  /** Those that were warned about. */
  #failed: Set<SpanListener> | undefined;
  #next = 1;
  readonly #prefix: string;
  readonly #warn: (message: string) => void;
  /** The call that the execution runs inside, and the trace that the call is in. */
  readonly #inside: InsideCall | undefined;

  constructor(executionId: string, warn: (message: string) => void = () => undefined, inside?: InsideCall) {
    this.#prefix = executionId;
    this.#warn = warn;
    this.#inside = inside;
  }

  onSpan(listener: SpanListener): void {
    this.#listeners = this.#listeners.concat(listener);
    for (const span of this.spans) this.#tell(listener, 'start', span);
  }

  span(kind: SpanKind, name: string, attributes: Attributes = {}): SpanHandle {
    const id = `${this.#prefix}.${this.#next++}`;
    const startMs = Date.now();
    const given = { ...attributes };
    const root = this.#root ?? this.#inside?.span;
    // Two literals: a spread costs several times as much.
    const span: Span =
      root === undefined
        ? { id, kind, name, startMs, attributes: given }
        : { id, parentId: root.id, kind, name, startMs, attributes: given };
    this.#root ??= span;
    this.began(span);
    return new OpenSpan(span, this);
  }

  /** Adds a span, here and in the trace of the execution around this one, and reports its start. */
  began(span: Span): void {
    this.spans.push(span);
    for (const listener of this.#listeners) this.#tell(listener, 'start', span);
    this.#inside?.around?.trace.began(span);
  }

  /** Reports the end of a span. */
  ended(span: Span): void {
    for (const listener of this.#listeners) this.#tell(listener, 'end', span);
    this.#inside?.around?.trace.ended(span);
  }

  /** A listener that fails must not end what it listens to. It is warned about once. */
  #tell(listener: SpanListener, what: 'start' | 'end', span: Span): void {
    guarded(
      () => listener[what]?.(span),
      (thrown) => {
        this.#failed ??= new Set();
        if (this.#failed.has(listener)) return;
        this.#failed.add(listener);
        this.#warn(`A span listener threw ${kindOfThrown(thrown)} at the ${what} of a span.`);
      },
    );
  }
}

class OpenSpan implements SpanHandle {
  readonly span: Span;
  readonly #trace: Trace;
  readonly #startedAt = performance.now();

  constructor(span: Span, trace: Trace) {
    this.span = span;
    this.#trace = trace;
  }

  set(attributes: Attributes): void {
    Object.assign(this.span.attributes, attributes);
  }

  end(end?: SpanEnd): void {
    const { span } = this;
    if (span.durationMs !== undefined) return;
    span.durationMs = performance.now() - this.#startedAt;
    span.outcome = end?.outcome ?? 'completed';
    if (end?.usage) span.usage = end.usage;
    if (end?.cost) span.cost = end.cost;
    if (end?.errorCode !== undefined) span.errorCode = end.errorCode;
    this.#trace.ended(span);
  }
}
