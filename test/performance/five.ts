import { Stream, end, noUsage } from 'sluice';
import type { Middleware, Provider, Reply, StreamChunk } from 'sluice';
import { logging, retry, timeout } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { rateLimit } from 'sluice/middleware/rate-limit';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** The five built-in middleware that most pipelines use. None of them reaches a limit. */
export function theFive(): Middleware[] {
  return [
    logging({ logger: quiet }),
    cost(),
    retry(),
    rateLimit({ requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000 }),
    timeout({ firstChunkMs: 60_000, idleMs: 60_000 }),
  ];
}

/** A provider in memory. Each read is a promise, as from a socket. */
export function source(chunks: number, perRead: number): Provider {
  return {
    name: 'openai',
    model: 'gpt-4.1-nano',
    stream: () => {
      let at = 0;
      return Stream.fromSource<StreamChunk, Reply>({
        pull: async () => {
          if (at >= chunks) return end<Reply>({ finishReason: 'stop', usage: noUsage() });
          at += perRead;
          return Array.from({ length: perRead }, (): StreamChunk => ({
            type: 'content',
            content: 'word ',
            call: 0,
            index: 0,
          }));
        },
        close: () => undefined,
      });
    },
  };
}
