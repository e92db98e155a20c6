import { Pipeline } from 'sluice';
import type { ExecutionChunk, ExecutionResult, Middleware } from 'sluice';
import type { WireItem } from '../../client/wire.ts';

/** One execution, as its own reader got it and as it goes over the wire. */
export interface Executed {
  chunks: ExecutionChunk[];
  result: ExecutionResult;
  items: WireItem[];
}

/** Runs a pipeline and says what a server sends of it. */
export async function executed(stack: readonly Middleware[], prompt = 'Hello'): Promise<Executed> {
  const stream = new Pipeline(stack).executeStream('user', prompt);
  const chunks: ExecutionChunk[] = [];
  const items: WireItem[] = [{ type: 'start', turnId: 'turn-1', startedAt: 0 }];
  for await (const chunk of stream) {
    chunks.push(chunk);
    if (chunk.type !== 'done') items.push(chunk);
  }
  const result = await stream.result;
  const { id: _id, response, messages: _messages, metadata: _metadata, trace: _trace, ...told } = result;
  items.push({ type: 'end', ...told, finishReason: response.finishReason });
  return { chunks, result, items };
}

/** Chunks of text with the numbers from 0, and the end of a turn that completed. */
export function saidItems(...texts: string[]): WireItem[] {
  return [
    { type: 'start', turnId: 'turn-1', startedAt: 0 },
    ...texts.map((content, index): WireItem => ({ type: 'content', content, call: 1, index })),
    { type: 'end', outcome: 'completed', finishReason: 'stop' },
  ];
}
