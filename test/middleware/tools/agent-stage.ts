import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { agentTool } from 'sluice/middleware/tools';
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
export const ask = (prompt = 'Help.', name = 'agent'): ScriptedAnswer => calling([name, { prompt }]);
