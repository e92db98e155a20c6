import { compose } from 'sluice';
import type { Middleware } from 'sluice';
import { retry } from 'sluice/middleware';
import { middlewareContract } from 'sluice/testing';
import type { MiddlewareChange } from 'sluice/testing';
import { describe, it } from 'vitest';

import { cache } from './cache.ts';
import { callSpans } from './call-spans.ts';
import { circuitBreaker } from './circuit-breaker.ts';
import { fallback } from './fallback.ts';
import { redactor } from './redactor.ts';
import { toolLoop } from './tool-loop.ts';

const passOn: Middleware = function passOn(_context, next) {
  return next();
};
const lookUp = { name: 'look_up', parameters: { type: 'object' }, run: () => 'A river.' };

const plugins: Record<string, { make: () => Middleware; changes: MiddlewareChange[] }> = {
  cache: { make: () => cache(), changes: ['calls'] },
  fallback: { make: () => fallback(passOn, passOn), changes: ['errors'] },
  'tool loop': { make: () => toolLoop([lookUp]), changes: ['tools', 'request', 'calls'] },
  redactor: { make: () => redactor('secret', 'password'), changes: ['text', 'pace'] },
  'circuit breaker': { make: () => circuitBreaker(), changes: [] },
  'span a call': { make: () => callSpans(() => undefined), changes: [] },
};

/** A busy machine is slow. */
const runner = { describe, test: it, timeoutMs: 60_000 };

for (const [name, { make, changes }] of Object.entries(plugins)) {
  middlewareContract({ ...runner, name, make, changes });
  for (const afterContent of ['reset', 'continue'] as const) {
    const again = retry({ afterContent });
    const places = { inside: () => compose(again, make()), outside: () => compose(make(), again) };
    for (const [place, stack] of Object.entries(places)) {
      middlewareContract({
        name: `${name} ${place} retry with ${afterContent}`,
        ...{ ...runner, make: stack, changes },
      });
    }
  }
}
