import { MemoryStore, Pipeline } from '../../src/index.ts';
import type {
  ExecutionEnd,
  LoggerLike,
  Middleware,
  Provider,
  SluiceError,
  StateStore,
} from '../../src/index.ts';
import { logging } from '../../middleware/logging.ts';
import { provider as providerLayer } from '../../middleware/provider.ts';
import { retry } from '../../middleware/retry.ts';
import { system } from '../../middleware/system.ts';
import { timeout } from '../../middleware/timeout.ts';
import { tools } from '../../middleware/tools.ts';
import { builtInTools } from './built-in-tools.ts';
import { isMissing } from './load-provider.ts';

/** What the pipeline of a chat consists of. */
export interface ChatPipelineOptions {
  provider: Provider;
  system?: string | undefined;
  /** Where sessions are stored. Default: in memory. */
  store?: StateStore | undefined;
  /** Where log entries go; undefined turns logging off. */
  logger?: LoggerLike | undefined;
  /** Called with what each execution took, before its last chunk is delivered. */
  onEnd: (end: ExecutionEnd) => void;
  /** Called before each new attempt. */
  onRetry: (error: SluiceError, delayMs: number) => void;
}

/** A model may think in silence for minutes, so a whole reply has no time limit. Longer silence means that the connection is lost. */
const IDLE_MS = 300_000;

/** The pipeline of a chat; it owns the provider and the store. */
export async function chatPipeline(options: ChatPipelineOptions): Promise<Pipeline> {
  const { logger, onRetry } = options;
  const stack: Middleware[] = [
    tally(options.onEnd),
    ...(logger === undefined ? [] : [logging()]),
    ...(options.system === undefined ? [] : [system(options.system)]),
    ...(await costIfInstalled()),
    ...(options.provider.name === 'demo' ? [tools(builtInTools())] : []),
    retry({ onRetry: ({ error, delayMs }) => onRetry(error, delayMs) }),
    timeout({ idleMs: IDLE_MS }),
    providerLayer(options.provider),
  ];
  return new Pipeline(stack, {
    executionTimeoutMs: 0,
    idleTimeoutMs: 0,
    own: true,
    // A chat may stay open overnight and continue in the morning.
    store: options.store ?? new MemoryStore({ ttlMs: Number.MAX_SAFE_INTEGER }),
    ...(logger !== undefined && { logger }),
  });
}

function tally(onEnd: (end: ExecutionEnd) => void): Middleware {
  return function tally(context, next) {
    context.onEnd(onEnd);
    return next();
  };
}

/** Without the optional package of prices the chat works, but shows the cost as unknown. */
export async function costIfInstalled(): Promise<Middleware[]> {
  try {
    await import('@pydantic/genai-prices');
  } catch (error) {
    if (isMissing('@pydantic/genai-prices', error)) return [];
    throw error;
  }
  const { cost } = await import('../../middleware/cost.ts');
  return [cost()];
}
