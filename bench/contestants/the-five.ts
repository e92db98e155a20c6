import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { logging, retry, timeout } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { rateLimit } from 'sluice/middleware/rate-limit';
import type { Reader, Upstream } from './reader.ts';
import { PROMPT } from './reader.ts';

/**
 * The five middleware. All of them do their work: log lines are created and serialized (and thrown away), and each call is priced, counted
 * against limits that are never reached, and watched by three timeouts.
 */
export function theFive(): Middleware[] {
  return [
    logging(),
    cost(),
    retry(),
    rateLimit({
      requestsPerMinute: 10_000_000,
      tokensPerMinute: 100_000_000_000,
      maxConcurrentRequests: 20_000,
      maxQueue: 20_000,
    }),
    timeout({ firstChunkMs: 60_000, idleMs: 30_000, totalMs: 600_000 }),
  ];
}

/** A logger that throws its lines away. Otherwise a terminal or disk would be measured. */
export const logger = { debug: drop, info: drop, warn: drop, error: drop };

function drop(...line: unknown[]): void {
  JSON.stringify(line);
}

interface ReaderOptions extends Pick<Upstream, 'calls'> {
  /** A loop of tools, below those that see the whole turn and above those that see each call. */
  loop?: Middleware;
}

/** Reads a pipeline of the five middleware and a provider with `for await`. */
export function readerOf(terminal: Middleware, { calls, loop }: ReaderOptions): Reader {
  const [logging, cost, ...perCall] = theFive();
  const stack = [logging, cost, loop, ...perCall, terminal].filter((one) => one !== undefined);
  const pipeline = new Pipeline(stack, {
    logger,
    maxConcurrentExecutions: Math.max(100, calls),
    executionTimeoutMs: 600_000,
  });

  return async function read(seen) {
    for await (const chunk of pipeline.executeStream('user', PROMPT)) {
      if (chunk.type === 'content') seen(chunk.content);
    }
  };
}
