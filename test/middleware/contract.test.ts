import { describe, it } from 'vitest';

import { cost } from '../../middleware/cost.ts';
import { logging } from '../../middleware/logging.ts';
import { rateLimit } from '../../middleware/rate-limit.ts';
import { retry } from '../../middleware/retry.ts';
import { system } from '../../middleware/system.ts';
import { timeout } from '../../middleware/timeout.ts';
import { compose, silent } from '../../src/index.ts';
import { middlewareContract } from '../../testing/index.ts';

const runner = { describe, test: it };
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
