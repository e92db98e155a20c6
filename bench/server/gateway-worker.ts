/** The process of one gateway: an address that speaks Chat Completions and asks the upstream. A run tells its port, and what it has used so far. */
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { openai } from 'sluice/providers/openai';
import { createServer } from 'sluice/server';
import { API_KEY, MODEL } from '../contestants/reader.ts';
import { logger, theFive } from '../contestants/the-five.ts';
import { serve } from '../harness/answering.ts';
import { pathOf } from '../upstream/script.ts';
import type { GatewayState, GatewayTask } from './gateway.ts';

serve(async ({ origin, script }: GatewayTask): Promise<() => Promise<GatewayState>> => {
  const model = provider(openai({ baseURL: `${origin}${pathOf(script)}/v1`, apiKey: API_KEY, model: MODEL }));
  const pipeline = new Pipeline([...theFive(), model], { logger });
  const limits = { requestsPerMinute: 10_000_000, concurrentStreams: 1_000 };
  const server = createServer({ [MODEL]: pipeline }, { auth: { tokens: { [API_KEY]: 'bench' } }, limits });
  const { port } = await server.listen({ port: 0 });
  return () => {
    const { user, system } = process.cpuUsage();
    return Promise.resolve({ port, cpuUs: user + system });
  };
});
