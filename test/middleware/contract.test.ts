import { describe, it } from 'vitest';

import { contextWindow } from '../../middleware/context-window.ts';
import { cost } from '../../middleware/cost.ts';
import { logging } from '../../middleware/logging.ts';
import { rateLimit } from '../../middleware/rate-limit.ts';
import { retry } from '../../middleware/retry.ts';
import { system } from '../../middleware/system.ts';
import { timeout } from '../../middleware/timeout.ts';
import { Stream, compose, silent } from '../../src/index.ts';
import type { Middleware } from '../../src/index.ts';
import { middlewareContract } from '../../testing/index.ts';

/** A busy machine is slow. */
const runner = { describe, test: it, timeoutMs: 60_000 };
const limits = { requestsPerMinute: 1_000, tokensPerMinute: 1_000_000, maxConcurrentRequests: 100 };

middlewareContract({ ...runner, name: 'logging()', make: () => logging({ logger: silent }) });
middlewareContract({
  ...runner,
  name: 'logging({ content: true })',
  make: () => logging({ content: true, logger: silent }),
});
middlewareContract({ ...runner, name: 'retry()', make: () => retry() });
middlewareContract({
  ...runner,
  name: 'retry({ afterContent: "reset" })',
  make: () => retry({ afterContent: 'reset' }),
});
middlewareContract({
  ...runner,
  name: 'retry({ afterContent: "continue" })',
  make: () => retry({ afterContent: 'continue' }),
});
middlewareContract({ ...runner, name: 'rateLimit()', make: () => rateLimit(limits) });
middlewareContract({ ...runner, name: 'cost()', make: () => cost(), changes: ['cost'] });
middlewareContract({
  ...runner,
  name: 'timeout()',
  make: () => timeout({ firstChunkMs: 60_000, idleMs: 60_000, totalMs: 60_000 }),
});
middlewareContract({ ...runner, name: 'system()', make: () => system('Be brief.'), changes: ['request'] });
for (const strategy of ['drop-oldest', 'fail', 'summarize'] as const) {
  middlewareContract({
    ...runner,
    name: `contextWindow({ strategy: "${strategy}" }) over what fits`,
    make: () => contextWindow({ maxTokens: 10_000, strategy }),
  });
}

/** Puts a conversation before the prompt that a small window does not hold. */
const history: Middleware = function history(context, next) {
  const turn = [
    { role: 'user', content: 'word '.repeat(50) },
    { role: 'assistant', content: 'word '.repeat(50) },
  ] as const;
  const turns = Array.from({ length: 16 }, () => turn).flat();
  return next({ messages: [...turns, ...context.request.messages] });
};
/** Answers requests for a summary, so that the model sees one call per execution. */
const summaries: Middleware = function summaries(context, next) {
  const [first] = context.request.messages;
  return first?.role === 'system'
    ? Stream.from([{ type: 'content', content: 'They said words.' }], { finishReason: 'stop' })
    : next();
};
for (const strategy of ['drop-oldest', 'summarize'] as const) {
  middlewareContract({
    ...runner,
    name: `contextWindow({ strategy: "${strategy}" }) over what does not`,
    make: () =>
      compose(history, contextWindow({ maxTokens: 2_000, strategy, counter: 'heuristic' }), summaries),
    changes: ['request'],
  });
}
middlewareContract({
  ...runner,
  name: 'all of them',
  make: () =>
    compose(
      logging({ logger: silent }),
      system('Be brief.'),
      cost(),
      rateLimit(limits),
      retry(),
      timeout({ firstChunkMs: 60_000, idleMs: 60_000, totalMs: 60_000 }),
    ),
  changes: ['request', 'cost'],
});
