import type { ExecutionChunk } from './chunks.ts';
import type { Partial as PartialReply } from './partial.ts';
import type { ExecutionResult } from './result.ts';
import type { TextOptions } from './views/reset.ts';

/**
 * What the streams of a turn have in common on both sides of the wire: that of an execution, and that of `sluice/client`. Code that takes this shows either.
 *
 * @example
 * async function show(stream: TurnStream) {
 *   for await (const chunk of stream) if (chunk.type === 'content') append(chunk.content);
 *   return (await stream.result).usage;
 * }
 */
export interface TurnStream extends AsyncIterable<ExecutionChunk>, AsyncDisposable {
  /** The next chunk, or the end with the result. Rejects with the stream's error. */
  next(): Promise<IteratorResult<ExecutionChunk, ExecutionResult | undefined>>;
  /** Starts the stream. Resolves when the first chunk is there, or the end without one. Consumes nothing. */
  ready(): Promise<void>;
  /** Ends it before its end. Idempotent. */
  close(reason?: unknown): Promise<void>;
  /** Whether it has ended. */
  readonly ended: boolean;
  /** Settles at the end. It does not make the stream run. */
  readonly result: Promise<ExecutionResult>;
  /** What has come so far. */
  readonly partial: PartialReply | undefined;
  /** The whole text of the answer. */
  text(): Promise<string>;
  /** The pieces of the answer's text. */
  textStream(options?: TextOptions<string>): AsyncIterable<string>;
}
