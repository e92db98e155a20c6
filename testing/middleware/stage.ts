import { Pipeline } from '../../src/index.ts';
import type { ExecutionContext, ExecutionOptions, Middleware, StreamChunk } from '../../src/index.ts';
import { modelCall } from '../model-call.ts';
import { scripted } from '../scripted.ts';
import type { ScriptedProvider } from '../scripted.ts';
import type { ScriptedAnswer } from '../scripted-reply.ts';

/** A middleware between two observers, with a scripted model. */
export interface Stage {
  readonly pipeline: Pipeline;
  readonly model: ScriptedProvider;
  /** What the observers saw: `above start`, `above "Hello "`, `below start`, `below end completed`, ... */
  readonly log: readonly string[];
  /** The contexts of the executions. */
  readonly contexts: readonly ExecutionContext[];
}

/** What a case adds. */
export interface StageOptions {
  /** Placed directly above and below the middleware under test. */
  readonly above?: Middleware;
  readonly below?: Middleware;
  /** Whether the last answer also answers all further calls. */
  readonly repeat?: boolean;
}

/** Builds the pipeline of a case. Cleanup has no time limit, so that the limit of the case reports a cleanup that hangs. */
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

/** Options for an execution whose signal can be aborted. */
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

/** Keeps the middleware's name, since errors and traces contain it. */
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

/** Describes a chunk in one line, without its numbers. */
export function summaryOf(chunk: StreamChunk): string {
  if (chunk.type === 'content') return JSON.stringify(chunk.content);
  return JSON.stringify({ ...chunk, call: undefined, index: undefined });
}
