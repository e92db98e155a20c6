import type { ContestantId } from './contestants/list.ts';
import { contestants } from './contestants/list.ts';
import type { ScenarioId, Size } from './client/scenario.ts';

const everybody = contestants.map(({ id }) => id);

/** Who is measured at what. The quick bench measures those alone who stand in the table of ratios. */
export const plan: Record<Size, Partial<Record<ScenarioId, ContestantId[]>>> = {
  quick: {
    burst: [
      'sluice',
      'floor',
      'openai-sdk',
      'ai-sdk',
      'langchain',
      'mastra',
      'sluice-anthropic',
      'anthropic-sdk',
    ],
    paced: ['sluice', 'openai-sdk', 'ai-sdk', 'langchain'],
    call: ['sluice', 'openai-sdk'],
    'first-chunk': ['sluice', 'openai-sdk'],
    memory: ['sluice', 'openai-sdk'],
  },
  full: {
    burst: everybody,
    paced: everybody,
    call: everybody,
    'first-chunk': everybody,
    memory: everybody,
    held: ['sluice'],
  },
};

/** Interleaved runs where nothing else is said. */
export const RUNS = 5;
