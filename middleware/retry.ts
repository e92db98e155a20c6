import { Stream } from '../src/index.ts';
import type { Middleware } from '../src/index.ts';
import { Attempts } from './retry/attempts.ts';
import { retrySettings } from './retry/options.ts';
import type { RetryOptions } from './retry/options.ts';
import { Resumed } from './retry/resumed.ts';

export type { RetryBudgetOptions } from './retry/budget.ts';
export type { AfterContent, RetryEvent, RetryOptions } from './retry/options.ts';

/**
 * Repeats a failed attempt after a wait, as long as nothing of it has been delivered. `afterContent` says what happens after the first chunk.
 * The wait is what the provider asks for with `Retry-After`, or else what `backoff` says. A wait that would pass the execution's deadline is
 * not begun, and every wait ends when the execution does. A budget keeps the retries of all executions together at a tenth of the traffic.
 *
 * If there is no further attempt, the last error is thrown unchanged, with `attempts` set. Each attempt is one request: the providers do not
 * retry by themselves.
 *
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([retry({ maxRetries: 5, onRetry: ({ error, delayMs }) => metrics.retry(error.code, delayMs) }), provider(openai())]);
 */
export function retry(options: RetryOptions = {}): Middleware {
  const settings = retrySettings(options);
  return function retry(context, next) {
    const attempts = new Attempts(context, next, settings);
    if (settings.afterContent !== 'fail') return Stream.fromSource(new Resumed(context, attempts, settings));
    return attempts
      .open()
      .then((first) =>
        attempts.replays ? Stream.fromSource(new Resumed(context, attempts, settings, first)) : first,
      );
  };
}
