import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { MemoryLedger, cost } from 'sluice/middleware/cost';
import type { Budget, CostOptions, Ledger } from 'sluice/middleware/cost';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';

/** A dollar for a million tokens of output; input is free. */
export const PRICES = { 'scripted/*': { input: 0, output: 1 } };
export const MILLION = { text: 'Hello', usage: { inputTokens: 0, outputTokens: 1_000_000 } };

export interface Stage {
  pipeline: Pipeline;
  model: ScriptedProvider;
  ledger: MemoryLedger;
  /** The counters' values by name. */
  sums: Map<string, number>;
}

/** A pipeline with budgets over a scripted model, and a ledger that can be read. */
export function stage(
  budgets: Budget[],
  answers: ScriptedAnswer | ScriptedAnswer[],
  options: CostOptions = {},
  above: Middleware[] = [],
): Stage {
  const ledger = new MemoryLedger(options.now);
  const sums = new Map<string, number>();
  const seen: Ledger = {
    add(counter, usd, expiresAtMs) {
      const sum = ledger.add(counter, usd, expiresAtMs);
      sums.set(counter, sum);
      return sum;
    },
  };
  const model = scripted(answers, { repeat: true });
  const priced = cost({ prices: PRICES, budgets, ledger: seen, ...options });
  return {
    pipeline: new Pipeline([...above, priced, provider(model)], { executionTimeoutMs: 0 }),
    model,
    ledger,
    sums,
  };
}

export const ask = (pipeline: Pipeline, metadata = {}) => pipeline.execute('user', 'Hi', { metadata });
export const codeOf = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'completed',
    (error: unknown) => (error instanceof SluiceError ? error.code : 'unknown'),
  );

/** Like a ledger over a network: calls made at once are answered later, in order. */
export function remote(sums = new Map<string, number>()): Ledger {
  return {
    async add(counter, usd) {
      const sum = Math.round(((sums.get(counter) ?? 0) + usd) * 1e12) / 1e12;
      sums.set(counter, sum);
      for (let hop = 0; hop < 5; hop++) await Promise.resolve();
      return sum;
    },
  };
}
