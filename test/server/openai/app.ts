import type { Pipeline } from '../../../src/index.ts';
import { createServer } from '../../../server/index.ts';
import type { PipelineEntry, ServerOptions } from '../../../server/index.ts';

/** A server with one pipeline, called `gpt-x`, on a real socket. */
export interface OpenAIApp extends AsyncDisposable {
  /** What an official client is given as `baseURL`. */
  readonly baseURL: string;
  /** How many requests came. */
  readonly sent: () => number;
}

/** Starts it on a free port. */
export async function openaiApp(
  pipeline: Pipeline,
  options: Partial<ServerOptions> = {},
  entry: Omit<PipelineEntry, 'pipeline'> = {},
): Promise<OpenAIApp> {
  let sent = 0;
  const auth = (): { id: string } => {
    sent++;
    return { id: 'ada' };
  };
  const listening = await createServer({ 'gpt-x': { ...entry, pipeline } }, { auth, ...options }).listen({
    port: 0,
  });
  return {
    baseURL: `${listening.url}/v1`,
    sent: () => sent,
    [Symbol.asyncDispose]: () => listening.close(),
  };
}
