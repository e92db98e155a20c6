import type { StreamChunk } from '../chunks.ts';
import type { EndHook, ExecutionContext, Middleware, SessionView } from '../context.ts';
import type { ContextKey } from '../keys.ts';
import type { Logger } from '../log.ts';
import type { Execution } from './execution.ts';
import type { ModelRequest, Reply } from '../request.ts';
import type { Stream } from '../stream/stream.ts';
import type { ExecutionTrace } from '../trace.ts';
import type { TurnSteps } from './turn-steps.ts';

/** What a context needs of the run of its layer. */
export interface RunOfContext {
  readonly execution: Execution;
  readonly request: ModelRequest;
  readonly layer: { name: string };
  readonly layerSignal: AbortSignal;
  runAnother(middleware: Middleware, changes?: Partial<ModelRequest>): Stream<StreamChunk, Reply>;
}

/** One layer's view of an execution. Cheap to make: everything that is shared is asked of the execution. */
export class LayerContext implements ExecutionContext {
  readonly #run: RunOfContext;

  constructor(run: RunOfContext) {
    this.#run = run;
  }

  get id(): string {
    return this.#run.execution.id;
  }

  get request(): ModelRequest {
    return this.#run.request;
  }

  get signal(): AbortSignal {
    return this.#run.layerSignal;
  }

  get deadline(): number | undefined {
    return this.#run.execution.deadline;
  }

  get log(): Logger {
    return this.#run.execution.log;
  }

  get trace(): ExecutionTrace {
    return this.#run.execution.trace;
  }

  get session(): SessionView | undefined {
    return this.#run.execution.session;
  }

  get steps(): TurnSteps {
    return this.#run.execution.steps;
  }

  get<T>(key: ContextKey<T>): T | undefined {
    return this.#run.execution.values.get(key);
  }

  set<T>(key: ContextKey<T>, value: T): void {
    this.#run.execution.values.set(key, value);
  }

  once<T>(key: ContextKey<T>, make: () => T): T {
    return this.#run.execution.values.once(key, make);
  }

  onEnd(hook: EndHook): void {
    this.#run.execution.onEnd(hook, this.#run.layer.name);
  }

  interrupt(reason: string): void {
    this.#run.execution.interrupt(reason);
  }

  run(middleware: Middleware, changes?: Partial<ModelRequest>): Stream<StreamChunk, Reply> {
    return this.#run.runAnother(middleware, changes);
  }

  warn(message: string): void {
    this.#run.execution.warn(message);
  }
}
