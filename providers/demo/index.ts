import * as z from 'zod';

import { SluiceError, Stream, type ModelRequest, type Provider, type ProviderCall } from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { plan } from './plan.ts';
import { perform } from './perform.ts';

export { calculate } from './expression.ts';

/** Options of `demo()`. */
export interface DemoOptions {
  /** Milliseconds before each word. Default: 40, about the pace of a reader. 0 uses no timers, which is for tests. */
  wordDelayMs?: number | undefined;
}

const schema = z.strictObject({ wordDelayMs: z.number().min(0).max(60_000).default(40) });

/**
 * A model that needs no network and no key, for trying things out and for tests. It greets, remembers what was said,
 * calculates (with a tool if one is offered), writes a haiku, fills a schema, thinks aloud if asked to, and says in every
 * reply that it is not a real model. The same conversation always gets the same reply. Four characters count as one token.
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
    output: () => ({ dialect: 'other', native: 'with-tools', tools: 'none' }),
    stream(request, call) {
      return Stream.fromSource(function start() {
        reportUnsupported(request, call);
        return perform(plan(request), request, call, wordDelayMs);
      });
    },
  };
}

/** Parameters that have no effect on a model that does not sample. */
const WITHOUT_EFFECT = ['temperature', 'topP', 'frequencyPenalty', 'presencePenalty', 'promptCache'] as const;

function reportUnsupported(request: ModelRequest, call: ProviderCall): void {
  const problems = WITHOUT_EFFECT.filter((name) => request.parameters[name] !== undefined).map(
    (name) => `demo: ${name} has no effect on the demo model`,
  );
  const unreadable = new Set<string>();
  for (const { content } of request.messages) {
    if (typeof content === 'string') continue;
    for (const { type } of content)
      if (type === 'image' || type === 'audio' || type === 'file') unreadable.add(type);
  }
  for (const type of unreadable) problems.push(`demo: the demo model cannot look at a part of type ${type}`);
  const [first] = problems;
  if (first === undefined) return;
  if (request.parameters.strict === true) {
    throw new SluiceError('invalid_request', first, { provider: 'demo' });
  }
  for (const problem of problems) call.warn(problem);
}
