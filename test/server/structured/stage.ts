import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Pipeline } from 'sluice';
import type { Middleware, OutputSupport, Provider } from 'sluice';
import { provider } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { createServer } from '../../../server/index.ts';

/** A server in front of a pipeline, and the official clients of it. */
export interface Stage extends AsyncDisposable {
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
}

/** Starts a server with one pipeline, called `m`. Without `layers` it has `output()` alone. */
export async function clientsOf(model: Provider, layers: Middleware[] = [output()]): Promise<Stage> {
  const pipeline = new Pipeline([...layers, provider(model)], { streamBufferSize: 0 });
  const listening = await createServer({ m: pipeline }, { auth: () => ({ id: 'ada' }) }).listen({ port: 0 });
  const options = { apiKey: 'key', maxRetries: 0 };
  return {
    openai: new OpenAI({ ...options, baseURL: `${listening.url}/v1` }),
    anthropic: new Anthropic({ ...options, baseURL: listening.url }),
    [Symbol.asyncDispose]: async () => {
      await listening.close();
      await pipeline.shutdown();
    },
  };
}

/** A model that is made to answer in one of the ways. */
export const MODELS = {
  /** As Anthropic: it keeps to a schema. */
  claude: { dialect: 'anthropic', native: 'with-tools', tools: 'unless-thinking' },
  /** As OpenAI. */
  gpt: { dialect: 'openai', native: 'with-tools', tools: 'forced' },
  /** It answers with a tool, whose schema nobody keeps it to. */
  loose: { dialect: 'other', native: 'none', tools: 'forced' },
  /** It has the schema in its prompt. */
  plain: { dialect: 'other', native: 'none', tools: 'none' },
} as const satisfies Record<string, OutputSupport>;

/** A model that says these. */
export function saying(kind: keyof typeof MODELS, ...answers: ScriptedAnswer[]): ReturnType<typeof scripted> {
  return scripted(
    answers.map((one) => (typeof one === 'string' ? { text: one, batchSize: 1 } : one)),
    { output: MODELS[kind] },
  );
}
