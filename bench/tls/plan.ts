import type { ScenarioId } from '../client/scenario.ts';
import type { Size } from '../plan.ts';
import { entrants } from './entrants.ts';
import type { EntrantId } from './entrants.ts';

/** The kinds of work over TLS. Only `first-chunks` is not one of the bench without TLS. */
export type TlsWork = Exclude<ScenarioId, 'first-chunk'> | 'first-chunks';

const everybody = entrants.map(({ id }) => id);

/** The entrants of each kind of work. */
export const plan: Record<Size, Partial<Record<TlsWork, EntrantId[]>>> = {
  quick: {
    burst: ['sluice', 'sluice-http1'],
    'burst-by-event': ['sluice', 'sluice-http1'],
    paced: ['sluice', 'sluice-http1', 'openai-sdk', 'ai-sdk'],
    call: ['sluice', 'openai-sdk'],
    memory: ['sluice', 'openai-sdk'],
    'first-chunks': ['sluice', 'sluice-http1', 'openai-sdk'],
  },
  full: {
    burst: everybody,
    'burst-by-event': everybody,
    paced: everybody,
    call: everybody,
    memory: everybody,
    'first-chunks': everybody,
    held: ['sluice'],
  },
};

/** The kinds of work that a plan can have, in order. */
export const works: readonly TlsWork[] = [
  'burst',
  'burst-by-event',
  'paced',
  'call',
  'memory',
  'first-chunks',
  'held',
];
