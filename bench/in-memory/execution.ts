import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import type { Reader } from '../contestants/reader.ts';
import { PROMPT } from '../contestants/reader.ts';
import { readerOf } from '../contestants/the-five.ts';
import { Caller, cpuOf } from '../client/scenario.ts';
import { answerOf, pieceAt } from '../upstream/text.ts';

export const CHUNKS = 20;
/** Processor time spent before the first run, in microseconds. */
const WARM_UP_CPU = 1_500_000;
/** The answer of each execution. */
export const PIECES: readonly string[] = Array.from({ length: CHUNKS }, (_, index) => pieceAt(index));

/**
 * Measures executions without a network, in microseconds each: `sluice` with its scripted provider, `ai-sdk` with its mock model. Both get the
 * same warm-up.
 */
export async function executions(who: 'sluice' | 'ai-sdk'): Promise<() => Promise<number>> {
  const reader = who === 'sluice' ? sluice() : await aiSdk();
  return repeated(new Caller(who, reader, answerOf(CHUNKS)));
}

/** Warms a caller up. Returns a function that does one run, in microseconds for each call. */
export async function repeated(caller: Caller): Promise<() => Promise<number>> {
  const calls = (times: number) =>
    cpuOf(async () => {
      for (let time = 0; time < times; time++) await caller.call();
    });
  for (let cpu = 0; cpu < WARM_UP_CPU;) cpu += await calls(20);
  return async () => (await calls(150)) / 150;
}

function sluice(): Reader {
  return readerOf(provider(scripted({ text: PIECES }, { repeat: true })), { calls: 1 });
}

/** Set up as its page on testing says, but without the default delays between chunks. */
async function aiSdk(): Promise<Reader> {
  const { simulateReadableStream, streamText } = await import('ai');
  const { MockLanguageModelV4 } = await import('ai/test');
  const model = new MockLanguageModelV4({
    doStream: async () => ({
      stream: simulateReadableStream({
        initialDelayInMs: null,
        chunkDelayInMs: null,
        chunks: [
          { type: 'text-start', id: 'text-1' },
          ...PIECES.map((delta) => ({ type: 'text-delta' as const, id: 'text-1', delta })),
          { type: 'text-end', id: 'text-1' },
          {
            type: 'finish',
            finishReason: { unified: 'stop', raw: undefined },
            usage: {
              inputTokens: { total: 12, noCache: 12, cacheRead: undefined, cacheWrite: undefined },
              outputTokens: { total: CHUNKS, text: CHUNKS, reasoning: undefined },
            },
          },
        ],
      }),
    }),
  });
  return async function read(seen) {
    const { textStream } = streamText({ model, prompt: PROMPT });
    for await (const piece of textStream) seen(piece);
  };
}
