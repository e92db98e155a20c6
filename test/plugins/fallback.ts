import { isSluiceError } from 'sluice';
import type { Middleware } from 'sluice';

/** Errors after which another model may still answer. */
const survivable = new Set(['overloaded', 'rate_limited', 'server', 'network', 'timeout', 'truncated']);

/** Tries the first, then the second. What the first has delivered stays until the second has something better. */
export const fallback = (first: Middleware, second: Middleware): Middleware =>
  async function* fallback(context) {
    let delivered = false;
    try {
      return yield* context.run(first).tap(() => {
        delivered = true;
      });
    } catch (error) {
      if (context.signal.aborted || !isSluiceError(error) || !survivable.has(error.code)) throw error;
      context.warn(`fallback: the first model failed: ${error.code}.`);
      const stream = context.run(second, { model: undefined });
      await stream.ready();
      if (delivered) yield { type: 'reset', from: 0, reason: error.code };
      return yield* stream;
    }
  };
