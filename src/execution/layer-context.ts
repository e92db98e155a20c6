import type { Attempt } from './attempt.ts';
import type { Call, CallObserver } from '../call.ts';
import type { StreamChunk } from '../chunks.ts';
import type { EndHook, ExecutionContext, SessionView } from '../context.ts';
import type { ContextKey } from '../keys.ts';
import type { Logger } from '../log.ts';
import type { Middleware } from '../middleware.ts';
import type { ModelRequest, Reply } from '../request.ts';
import type { Stream } from '../stream/stream.ts';
import type { Attributes, Span, SpanHandle, SpanKind, SpanListener } from '../trace.ts';

/** One layer's view of an execution. Cheap to make: everything shared is asked of the execution. */
export class LayerContext implements ExecutionContext {
  readonly #attempt: Attempt;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
  }

  get id(): string {
    return this.#attempt.execution.id;
  }

  get request(): ModelRequest {
    return this.#attempt.request;
  }

  get signal(): AbortSignal {
    return this.#attempt.layerSignal;
  }

  get deadline(): number | undefined {
    return this.#attempt.execution.deadline;
  }

  get log(): Logger {
    return this.#attempt.execution.log;
  }

  get trace(): readonly Span[] {
    return this.#attempt.execution.trace.spans;
  }

  get session(): SessionView | undefined {
    return this.#attempt.execution.session;
  }

  get metadata(): Readonly<Record<string, unknown>> {
    return this.#attempt.execution.metadata;
  }

  get<T>(key: ContextKey<T>): T | undefined {
    return this.#attempt.execution.values.get(key);
  }

  set<T>(key: ContextKey<T>, value: T): void {
    this.#attempt.execution.values.set(key, value);
  }

  onCall(observer: (call: Call) => CallObserver | void): void {
    this.#attempt.execution.onCall(observer, this.#attempt.layer.name);
  }

  onEnd(hook: EndHook): void {
    this.#attempt.execution.onEnd(hook, this.#attempt.layer.name);
  }

  interrupt(reason: string): void {
    this.#attempt.execution.interrupt(reason);
  }

  run(middleware: Middleware, changes?: Partial<ModelRequest>): Stream<StreamChunk, Reply> {
    return this.#attempt.runOther(middleware, changes);
  }

  warn(message: string): void {
    this.#attempt.execution.warn(message);
  }

  span(kind: SpanKind, name: string, attributes?: Attributes): SpanHandle {
    return this.#attempt.execution.span(kind, name, attributes);
  }

  onSpan(listener: SpanListener): void {
    this.#attempt.execution.trace.listen(listener);
  }
}
