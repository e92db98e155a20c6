import * as z from 'zod';

import { SluiceError, Stream, type ModelRequest, type Provider, type ProviderCall } from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { plan } from './plan.ts';
import { performance } from './perform.ts';

/** Options of `demo()`. */
export interface DemoOptions {
  /** Milliseconds before each word. Default 40, about the pace of a reader; 0: no timers at all, for tests. */
  wordDelayMs?: number | undefined;
}

const schema = z.strictObject({ wordDelayMs: z.number().min(0).max(60_000).default(40) });

/**
 * A model without a network and without a key, for trying things out and for tests: it greets, remembers what was said,
 * calculates (with an offered tool where there is one), writes a haiku, fills a schema, thinks aloud when asked to, and
 * says in every answer that it is no real model. The same conversation always gives the same answer. Tokens are counted as
 * four characters each.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))]);
 */
export function demo(options: DemoOptions = {}): Provider {
  const { wordDelayMs } = parseOptions('demo()', schema, options);
  return {
    name: 'demo',
    model: 'demo',
    stream(request, call) {
      return Stream.fromSource(function start() {
        tellLimits(request, call);
        return performance(plan(request), request, call, wordDelayMs);
      });
    },
  };
}

/** Parameters that mean nothing to a model that does not sample. */
const WITHOUT_EFFECT = ['temperature', 'topP', 'frequencyPenalty', 'presencePenalty', 'promptCache'] as const;

function tellLimits(request: ModelRequest, call: ProviderCall): void {
  const problems = WITHOUT_EFFECT.filter((name) => request.parameters[name] !== undefined).map(
    (name) => `demo: ${name} has no effect on the demo model`,
  );
  const unseen = new Set<string>();
  for (const { content } of request.messages) {
    if (typeof content === 'string') continue;
    for (const { type } of content)
      if (type === 'image' || type === 'audio' || type === 'file') unseen.add(type);
  }
  for (const type of unseen) problems.push(`demo: the demo model cannot look at a part of type ${type}`);
  const [first] = problems;
  if (first === undefined) return;
  if (request.parameters.strict === true) {
    throw new SluiceError('invalid_request', first, { provider: 'demo' });
  }
  for (const problem of problems) call.warn(problem);
}
