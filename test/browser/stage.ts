import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { createServer } from 'sluice/server';
import type { ServerOptions } from 'sluice/server';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import * as z from 'zod';
import { scriptPage } from './script-page.ts';

/** A server with a page, a tool that runs and one that needs an approval. */
export interface BrowserStage extends AsyncDisposable {
  url: string;
  port: number;
  /** What the tools were run with. */
  ran: unknown[];
}

/** Serves a model that plays these answers. `script`: the name of one in `pages/`, which is then at `/test`. */
export async function browserStage(
  answers: ScriptedAnswer[],
  options: Partial<ServerOptions> = {},
  script?: string,
): Promise<BrowserStage> {
  const ran: unknown[] = [];
  const calculate = tool({
    name: 'calculate',
    description: 'Calculates',
    input: z.object({ expression: z.string() }),
    execute: (input) => {
      ran.push(input);
      return { value: 6584.05 };
    },
  });
  const refund = tool({
    name: 'refund',
    description: 'Pays money back',
    input: z.object({ order: z.string(), amount: z.number() }),
    needsApproval: () => ({ reason: 'More than 50 dollars' }),
    execute: (input) => {
      ran.push(input);
      return `Paid back order ${input.order}`;
    },
  });
  const model = scripted(answers, { name: 'scripted', model: 'scripted-1' });
  const pipeline = new Pipeline([tools([calculate, refund]), provider(model)]);
  const server = createServer(pipeline, { auth: false, debug: true, name: 'Test agent', ...options });
  if (script !== undefined) {
    const built = await scriptPage(script);
    server.app.get('/test', (c) => c.html(built.html));
    server.app.get('/script.js', (c) => c.body(built.script, 200, { 'content-type': 'text/javascript' }));
  }
  const listening = await server.listen({ port: 0, shutdownTimeoutMs: 0 });
  return {
    url: listening.url,
    port: listening.port,
    ran,
    [Symbol.asyncDispose]: async () => {
      await listening.close();
      await pipeline.shutdown();
    },
  };
}
