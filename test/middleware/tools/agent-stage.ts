import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { agentTool, tools } from 'sluice/middleware/tools';
import type { AgentOptions, Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { calling } from './stage.ts';

/** A pipeline as a tool, and its model. */
export function agent(
  answers: ScriptedAnswer[],
  options: Partial<AgentOptions> = {},
  layers: Middleware[] = [],
): { made: Tool; model: ScriptedProvider; pipeline: Pipeline } {
  const model = scripted(answers);
  const pipeline = new Pipeline([...layers, provider(model)]);
  const made = agentTool(pipeline, { name: 'agent', description: 'Helps', ...options });
  return { made, model, pipeline };
}

/** A call of an agent. */
export const ask = (name = 'agent'): ScriptedAnswer => calling([name, { prompt: 'Help.' }]);

/** Layers that make each call of a scripted model cost so many dollars. */
export const priced = (usd: number): Middleware =>
  cost({ prices: { 'scripted/scripted': { input: (usd * 1e6) / 12, output: 0 } } });

/** An agent with tools of its own. Each of its calls costs 10 dollars. */
export const pricedAgent = (
  answers: ScriptedAnswer[],
  list: Tool[],
  name = 'agent',
  options: Partial<AgentOptions> = {},
): ReturnType<typeof agent> => agent(answers, { name, ...options }, [priced(10), tools(list)]);

/** An error with a status costs nothing. */
export const failure = { error: new SluiceError('invalid_request', 'No.', { status: 400 }) };
