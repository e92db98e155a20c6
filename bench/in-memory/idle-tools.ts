import { loop } from '../contestants/tools/sluice.ts';
import { median } from '../harness/statistics.ts';
import { nsPerChunk } from './layers.ts';

/** What `tools()` costs if the model calls none. */
export interface IdleTools {
  nsPerChunk: number;
  usPerExecution: number;
}

const ROUNDS = 15;

/** Does one run: the difference between pipelines with and without it, which take turns. */
export async function idleTools(): Promise<IdleTools> {
  return {
    nsPerChunk: await difference({ chunks: 20_000, perRead: 16, times: 2 }),
    usPerExecution: (await difference({ chunks: 1, perRead: 1, times: 1_000 })) / 1_000,
  };
}

async function difference(answer: Parameters<typeof nsPerChunk>[1]): Promise<number> {
  const differences: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const without = await nsPerChunk([], answer);
    differences.push((await nsPerChunk([loop()], answer)) - without);
  }
  return median(differences);
}
