import { Pipeline } from 'sluice';
import type { Cost, ExecutionOptions, ExecutionResult, Parameters, Provider, Usage } from 'sluice';
import { MemoryLedger, cost } from 'sluice/middleware/cost';
import type { CostOptions, Ledger } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { model, text, usage } from '../models.ts';

/** A made model whose answer has this usage, and what else its server says. */
export interface Served {
  name?: string;
  model?: string;
  input?: number;
  output?: number;
  /** More fields of the usage. */
  more?: Partial<Usage>;
  /** The server's own usage object. */
  raw?: unknown;
  serviceTier?: string;
  /** The model that answers. */
  answers?: string;
  server?: string;
}

/** A provider that answers every call with "Hi". */
export function served(options: Served): Provider {
  const { name = 'openai', model: asked = 'gpt-5-mini', input = 1_000, output = 500, more, raw } = options;
  const used: Usage = { ...usage(input, output), ...more, ...(raw !== undefined && { raw }) };
  const reply = { usage: used, serviceTier: options.serviceTier, model: options.answers };
  const { server } = options;
  return {
    ...model({ chunks: [text('Hi')], reply }),
    name,
    model: asked,
    ...(server !== undefined && { server }),
  };
}

/** What one call costs, and the warnings. */
export async function priced(
  options: Served,
  settings: CostOptions = {},
  execution: ExecutionOptions = {},
): Promise<{ cost: Cost; warnings: string[]; result: ExecutionResult }> {
  const pipeline = new Pipeline([cost(settings), provider(served(options))]);
  const result = await pipeline.execute('user', 'Hi', execution);
  return { cost: result.cost, warnings: result.warnings, result };
}

/** The sum of a ledger with one counter, and the ledger. */
export function counted(): { ledger: Ledger; usd(): number } {
  const ledger = new MemoryLedger();
  let sum = 0;
  const add: Ledger['add'] = (counter, usd, expiresAtMs) => (sum = ledger.add(counter, usd, expiresAtMs));
  return { ledger: { add }, usd: () => sum };
}

/** Parameters with fields for one provider. */
export const asking = (name: string, fields: Record<string, unknown>): Parameters => ({
  providerOptions: { [name]: fields },
});
