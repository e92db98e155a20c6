import { Pipeline } from 'sluice';
import type { Message, Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { cpuOf } from '../client/scenario.ts';
import { logger, theFive } from '../contestants/the-five.ts';
import { layers, nsPerChunk } from './layers.ts';
import { source } from './source.ts';

/** How costs grow. */
export interface Growth {
  /** Nanoseconds per chunk with the five middleware, for answers of 1,000 and 100,000 chunks. */
  chunks1000: number;
  chunks100000: number;
  /** Nanoseconds per chunk with 5 and 40 middleware that look at each chunk. */
  middleware5: number;
  middleware40: number;
  /** The same with 40 middleware of which 35 do not look at chunks, as is usual. */
  passing40: number;
  /** Microseconds per execution with the five middleware and 20 chunks, after 10 and 1,000 messages. */
  history10: number;
  history1000: number;
}

/** Does one run. */
export async function growth(): Promise<Growth> {
  const answer = { chunks: 20_000, perRead: 1, times: 5 };
  const passings = Array.from({ length: 35 }, () => passing);
  return {
    chunks1000: await nsPerChunk(theFive(), { chunks: 1_000, perRead: 16, times: 100 }),
    chunks100000: await nsPerChunk(theFive(), { chunks: 100_000, perRead: 16, times: 1 }),
    middleware5: await nsPerChunk(layers('fused', 5), answer),
    middleware40: await nsPerChunk(layers('fused', 40), answer),
    passing40: await nsPerChunk([...layers('fused', 5), ...passings], answer),
    history10: await usPerExecution(10),
    history1000: await usPerExecution(1_000),
  };
}

const passing: Middleware = function passing(_context, next) {
  return next();
};

async function usPerExecution(messages: number): Promise<number> {
  const history = Array.from({ length: messages }, (_, index): Message => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: `This was said in turn ${index}.`,
  }));
  history.push({ role: 'user', content: 'And now?' });
  const pipeline = new Pipeline([...theFive(), provider(source(20, 16))], { logger });
  const times = 100;
  const cpu = await cpuOf(async () => {
    for (let time = 0; time < times; time++) await pipeline.execute(history);
  });
  return cpu / times;
}
