import { Caller } from '../client/scenario.ts';
import type { OpenInMemory } from '../contestants/reader.ts';
import { answerOf } from '../upstream/text.ts';
import { CHUNKS, PIECES, repeated } from './execution.ts';

/** The contestants whose turns with a tool are measured in memory. */
export const IN_MEMORY = ['sluice', 'ai-sdk', 'langchain', 'mastra'] as const;

/** Measures turns of two calls and a tool without a network, in microseconds each. All contestants get the same warm-up. */
export async function toolTurns(who: (typeof IN_MEMORY)[number]): Promise<() => Promise<number>> {
  const { openInMemory } = (await import(`../contestants/tools/${who}.ts`)) as { openInMemory: OpenInMemory };
  return repeated(new Caller(who, await openInMemory(PIECES), answerOf(CHUNKS)));
}
