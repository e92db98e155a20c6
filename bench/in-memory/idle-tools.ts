import { loop } from '../contestants/tools/sluice.ts';
import { median } from '../harness/statistics.ts';
import { layers, nsPerChunk } from './layers.ts';

/** What `tools()` costs if the model calls none, and what a tap costs in its place. */
export interface IdleTools {
  nsPerChunk: number;
  nsPerChunkOneByOne: number;
  usPerExecution: number;
  tapNsPerChunk: number;
}

type Answer = Parameters<typeof nsPerChunk>[1];

const BURST: Answer = { chunks: 20_000, perRead: 16, times: 1 };
const ONE_BY_ONE: Answer = { chunks: 5_000, perRead: 1, times: 1 };
const SHORT: Answer = { chunks: 1, perRead: 1, times: 1_000 };

/** Rounds whose median is taken. The cost is a few hundredths of what each round takes, so that there have to be many. */
const ROUNDS = 61;

/** Does one run. */
export async function idleTools(): Promise<IdleTools> {
  const burst = await added(BURST);
  const oneByOne = await added(ONE_BY_ONE);
  const short = await added(SHORT);
  return {
    nsPerChunk: burst.tools,
    nsPerChunkOneByOne: oneByOne.tools,
    usPerExecution: short.tools / 1_000,
    tapNsPerChunk: burst.tap,
  };
}

/** What each of the two adds to a pipeline of nothing but a provider: the median difference of pipelines that take turns. */
async function added(answer: Answer): Promise<{ tools: number; tap: number }> {
  const tools: number[] = [];
  const tap: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const without = await nsPerChunk([], answer);
    tools.push((await nsPerChunk([loop()], answer)) - without);
    tap.push((await nsPerChunk(layers('fused', 1), answer)) - without);
  }
  return { tools: median(tools), tap: median(tap) };
}
