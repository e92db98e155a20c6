import { SluiceError } from 'sluice';
import type { Middleware } from 'sluice';

/** After some failures in a row it makes no call for a while, then tries one. */
export const circuitBreaker = ({ failures = 3, coolDownMs = 30_000 } = {}): Middleware => {
  let inARow = 0;
  let closedAt = 0;

  return function circuitBreaker(_context, next) {
    const retryAfterMs = closedAt - Date.now();
    if (inARow >= failures && retryAfterMs > 0)
      throw new SluiceError('overloaded', 'The circuit is open after too many failures.', { retryAfterMs });
    // One attempt shows whether the model is back. Others wait for what it finds.
    if (inARow >= failures) closedAt = Date.now() + coolDownMs;
    return next().tap({
      end({ outcome, error }) {
        if (outcome === 'completed') inARow = 0;
        if (outcome !== 'failed' || error?.retryable !== true) return;
        inARow++;
        closedAt = Date.now() + coolDownMs;
      },
    });
  };
};
