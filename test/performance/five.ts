import { Stream, end, noUsage } from 'sluice';
import type { Middleware, Provider, Reply, StreamChunk } from 'sluice';
import { logging, retry, timeout } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { tool, tools } from 'sluice/middleware/tools';

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

/** The loop that runs what `askingSource()` asks for. */
export function loop(): Middleware {
  const input = { jsonSchema: { type: 'object' } };
  return tools([tool({ name: 'weather', description: 'The weather', input, execute: async () => 'sunny' })]);
}

/** Asks for a tool, and goes on as `source()` when it has the result. */
export function askingSource(chunks: number, perRead: number): Provider {
  const answering = source(chunks, perRead);
  return {
    ...answering,
    stream(request, context) {
      if (request.messages.at(-1)?.role === 'tool') return answering.stream(request, context);
      const call: StreamChunk = { type: 'tool_call', id: 'call_1', name: 'weather', arguments: {} };
      return Stream.from<StreamChunk, Reply>([call], { finishReason: 'tool_calls', usage: noUsage() });
    },
  };
}
