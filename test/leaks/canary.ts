import { inspect } from 'node:util';

import { MemoryStore, Pipeline, isSluiceError } from 'sluice';
import type { LoggerLike, Middleware, Provider, Span, StateStore } from 'sluice';
import { logging } from 'sluice/middleware/logging';
import { provider } from 'sluice/middleware/provider';

/** A key that looks like no vendor's, so that only its being known hides it. */
export const KEY = 'canary0key/0123456789+abcdefXYZ';
/** What the user says. */
export const PROMPT = 'canary words of a user';

/** All that an execution shows to somebody besides its caller, and what its caller may print or log. */
export interface Shown {
  code: string | undefined;
  /** What a client, a log or a trace gets. */
  outside: string;
  /** What a developer may see who has the error or the result. */
  inside: string;
}

/** Runs one turn and collects all that it shows. */
export async function shownBy(model: Provider, options: { content?: boolean } = {}): Promise<Shown> {
  const lines: unknown[] = [];
  const spans: Span[] = [];
  const write = (...line: unknown[]): void => void lines.push(line);
  const logger: LoggerLike = { debug: write, info: write, warn: write, error: write };
  const store: StateStore = new MemoryStore();
  const exporter: Middleware = function exporter(context, next) {
    context.trace.onSpan({ end: (span) => spans.push(structuredClone(span)) });
    return next();
  };
  const pipeline = new Pipeline([logging({ logger, ...options }), exporter, provider(model)], {
    store,
    logger,
  });
  const ended: unknown = await pipeline
    .executeWithContext('s', 'user', PROMPT)
    .catch((error: unknown) => error);
  const stored = await store.load('s');
  await pipeline.shutdown();
  await model.close?.();
  const error = isSluiceError(ended) ? ended : undefined;
  return {
    code: error?.code,
    outside: JSON.stringify([error, error?.toJSON(), lines, spans]),
    inside: [
      ...[ended, error?.cause, stored, lines].map((one) => inspect(one, { depth: 30, showHidden: true })),
      JSON.stringify([ended, stored, error?.partial]),
      error?.stack,
      String(ended),
    ].join('\n'),
  };
}
