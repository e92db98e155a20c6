import { Pipeline } from '../../src/index.ts';
import type { ExecutionContext, ExecutionOptions, Middleware, StreamChunk } from '../../src/index.ts';
import { modelCall } from '../model-call.ts';
import { scripted } from '../scripted.ts';
import type { ScriptedProvider } from '../scripted.ts';
import type { ScriptedAnswer } from '../scripted-reply.ts';

/** A middleware between two that watch it, over a scripted model. */
export interface Stage {
  readonly pipeline: Pipeline;
  readonly model: ScriptedProvider;
  /** What passed: `above start`, `above "Hello "`, `below start`, `below end completed`, ... */
  readonly log: readonly string[];
  /** The contexts that the middleware was run with. */
  readonly contexts: readonly ExecutionContext[];
}

/** What a case adds to the stage. */
export interface StageOptions {
  /** Stand directly above and below the middleware. */
  readonly above?: Middleware;
  readonly below?: Middleware;
  /** The last answer is repeated. */
  readonly repeat?: boolean;
}

/** Puts a middleware on the stage. A teardown that hangs hangs: the case's limit names it. */
export function stageOf(
  middleware: Middleware,
  answers: ScriptedAnswer | readonly ScriptedAnswer[],
  { above = passOn, below = passOn, repeat = false }: StageOptions = {},
): Stage {
  const log: string[] = [];
  const contexts: ExecutionContext[] = [];
  const model = scripted(answers, { repeat });
  const stack = [
    watch('above', log),
    above,
    seen(middleware, contexts),
    below,
    watch('below', log),
    modelCall(model),
  ];
  const pipeline = new Pipeline(stack, { executionTimeoutMs: 0, closeTimeoutMs: 3_600_000 });
  return { pipeline, model, log, contexts };
}

/** Options for executions whose signal can be aborted. */
export function abortable(options: ExecutionOptions): {
  controller: AbortController;
  options: ExecutionOptions;
} {
  const controller = new AbortController();
  return { controller, options: { ...options, signal: controller.signal } };
}

const passOn: Middleware = function passOn(_context, next) {
  return next();
};

/** Keeps the name, for errors and traces are part of what is looked at. */
function seen(middleware: Middleware, contexts: ExecutionContext[]): Middleware {
  const watched: Middleware = function watched(context, next) {
    contexts.push(context);
    return middleware(context, next);
  };
  Object.defineProperty(watched, 'name', { value: middleware.name });
  return watched;
}

function watch(where: string, log: string[]): Middleware {
  return function watch(_context, next) {
    log.push(`${where} start`);
    return next().tap({
      chunk: (chunk) => void log.push(`${where} ${summaryOf(chunk)}`),
      end: ({ outcome }) => void log.push(`${where} end ${outcome}`),
    });
  };
}

/** One line for a chunk, without its numbers. */
export function summaryOf(chunk: StreamChunk): string {
  if (chunk.type === 'content') return JSON.stringify(chunk.content);
  return JSON.stringify({ ...chunk, call: undefined, index: undefined });
}
