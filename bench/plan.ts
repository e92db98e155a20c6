import type { Contestant, ContestantId } from './contestants/list.ts';
import { contestants } from './contestants/list.ts';
import type { ScenarioId } from './client/scenario.ts';

const everybody = contestants
  .filter(({ onlyOverTls = false }: Contestant) => !onlyOverTls)
  .map(({ id }) => id);

/** Those that have a loop of tools, and the OpenAI SDK and plain requests with one by hand. */
const withTools: ContestantId[] = [
  'sluice',
  'sluice-alone',
  'floor',
  'openai-sdk',
  'ai-sdk',
  'langchain',
  'mastra',
];

/** How much is measured: only what the table of ratios needs, or everything. */
export type Size = 'quick' | 'full';

/** The contestants of each scenario. Warm-up and runs are the same in both sizes, so that the ratios are comparable. */
export const plan: Record<Size, Partial<Record<ScenarioId, ContestantId[]>>> = {
  quick: {
    burst: [
      'sluice',
      'floor',
      'openai-sdk',
      'ai-sdk',
      'langchain',
      'mastra',
      'sluice-aisdk',
      'ai-sdk-model',
      'sluice-anthropic',
      'anthropic-sdk',
    ],
    'burst-by-event': ['sluice', 'floor'],
    paced: ['sluice', 'openai-sdk', 'ai-sdk', 'langchain'],
    call: ['sluice', 'openai-sdk'],
    'tool-turn': ['sluice', 'ai-sdk', 'langchain'],
    'first-chunk': ['sluice', 'openai-sdk'],
    memory: ['sluice', 'openai-sdk'],
  },
  full: {
    burst: everybody,
    'burst-by-event': everybody,
    paced: everybody,
    call: everybody,
    'tool-turn': withTools,
    'first-chunk': everybody,
    memory: everybody,
    held: ['sluice'],
  },
};

/** The default number of interleaved runs. */
export const RUNS = 5;
