import { Pipeline, type Middleware, type ModelRequest } from 'sluice';
import { contextWindow, type ContextWindowOptions, type WindowCut } from 'sluice/middleware/context-window';
import { provider } from 'sluice/middleware/provider';
import { scripted, type ScriptedProvider, type ScriptedReply } from 'sluice/testing';
import { pad, short, textsOf } from './support.ts';

export const ASK = 'u:Summarize our conversation so far';
export const isSummary = ({ messages }: ModelRequest): boolean =>
  textsOf(messages)[0]?.startsWith('You condense') === true;

/** A model that summarizes to `sum N`, counting, and answers anything else with 80 characters. */
export function summarizer(
  reply: (call: number) => string | ScriptedReply = (n) => `sum ${n}`,
): ScriptedProvider {
  let summaries = 0;
  return scripted((request) => (isSummary(request) ? reply(++summaries) : pad('answer')), { repeat: true });
}

export function pipelineOf(
  model: ScriptedProvider,
  options: Partial<ContextWindowOptions> = {},
  { above = [], below = [] }: { above?: Middleware[]; below?: Middleware[] } = {},
): { pipeline: Pipeline; cuts: WindowCut[] } {
  const cuts: WindowCut[] = [];
  const window = contextWindow({
    maxTokens: 600,
    strategy: 'summarize',
    counter: 'heuristic',
    summary: { maxTokens: 40 },
    onCut: (cut) => cuts.push(cut),
    ...options,
  });
  return { pipeline: new Pipeline([...above, window, ...below, provider(model)]), cuts };
}

export const sentOf = (model: ScriptedProvider): string[] => model.requests.at(-1)?.messages.map(short) ?? [];
export const summariesOf = (model: ScriptedProvider): ModelRequest[] => model.requests.filter(isSummary);
