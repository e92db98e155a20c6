import { Pipeline } from '../../src/index.ts';
import type { LoggerLike, Middleware, Provider, StateStore } from '../../src/index.ts';
import { logging } from '../../middleware/logging.ts';
import { output } from '../../middleware/output.ts';
import { provider as providerLayer } from '../../middleware/provider.ts';
import { retry } from '../../middleware/retry.ts';
import { timeout } from '../../middleware/timeout.ts';
import { tools } from '../../middleware/tools.ts';
import { calculator } from '../chat/built-in-tools.ts';
import { costIfInstalled } from '../chat/chat-pipeline.ts';

/** What the pipeline of a server is made of. */
export interface ServePipelineOptions {
  provider: Provider;
  store: StateStore | undefined;
  logger: LoggerLike | undefined;
}

/** A model may think in silence for a while, and a dead connection is noticed all the same. */
const IDLE_MS = 120_000;

/** The pipeline of a server without a configuration: a model with a calculator, with retries, a time limit and its cost. */
export async function servePipeline({ provider, store, logger }: ServePipelineOptions): Promise<Pipeline> {
  const stack: Middleware[] = [
    ...(logger === undefined ? [] : [logging()]),
    ...(await costIfInstalled()),
    tools([calculator()]),
    output({ repair: 1 }),
    retry(),
    timeout({ idleMs: IDLE_MS }),
    providerLayer(provider),
  ];
  return new Pipeline(stack, {
    own: true,
    ...(store !== undefined && { store }),
    ...(logger !== undefined && { logger }),
  });
}
