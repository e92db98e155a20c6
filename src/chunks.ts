import type { InvalidArguments, ProviderBlock } from './messages.ts';
import type { ExecutionResult } from './result.ts';

interface ChunkBase {
  /** Number of the model call that produced the chunk, from 1; 0 or absent if no call did. Set by the runtime. */
  call?: number;
  /** Position in the execution, from 0. Set by the runtime when it delivers the chunk. */
  index?: number;
}

/** A piece of the answer's text. */
export interface ContentChunk extends ChunkBase {
  type: 'content';
  content: string;
  /** Citations that belong to the text so far, as the provider gave them. */
  citations?: unknown[];
  /** The model declined to answer; the text says so. */
  refusal?: true;
  /** A block of the provider that belongs after the text so far. It is kept unchanged for the next turn. */
  block?: ProviderBlock;
}

/** A piece of the model's thinking. With `block` it ends the thinking so far and carries the provider's own form of it. */
export interface ThinkingChunk extends ChunkBase {
  type: 'thinking';
  content: string;
  block?: ProviderBlock;
}

/** A piece of a tool call that the model is still writing. It is provisional: never run it. */
export interface ToolCallDeltaChunk extends ChunkBase {
  type: 'tool_call_delta';
  id: string;
  name?: string;
  /** The next characters of the arguments' JSON text. */
  argumentsDelta: string;
}

/** A finished tool call with parsed arguments. */
export interface ToolCallChunk extends ChunkBase {
  type: 'tool_call';
  id: string;
  name: string;
  arguments: unknown;
  /** The provider has already run the tool: do not run it again. */
  providerExecuted?: true;
  /** The arguments could not be parsed: `arguments` is `{}`, and the call must not be run. */
  invalid?: InvalidArguments;
  block?: ProviderBlock;
}

/** The answer of a tool. */
export interface ToolResultChunk extends ChunkBase {
  type: 'tool_result';
  id: string;
  name: string;
  content: string;
  isError: boolean;
  /** The result of a call that the provider ran itself. */
  providerExecuted?: true;
  block?: ProviderBlock;
}

/** An image, a sound or another file that the model made. It has base64 `data` or a `url`. */
export interface FileChunk extends ChunkBase {
  type: 'file';
  mediaType: string;
  data?: string;
  url?: string;
  /** The provider's id of the file. */
  id?: string;
  block?: ProviderBlock;
}

/** Discards every chunk whose `call` is at least `from`: whoever has kept such chunks must drop them. */
export interface ResetChunk extends ChunkBase {
  type: 'reset';
  from: number;
  reason: string;
}

/** The chunks that middleware pass to each other inside a pipeline. */
export type StreamChunk =
  | ContentChunk
  | ThinkingChunk
  | ToolCallDeltaChunk
  | ToolCallChunk
  | ToolResultChunk
  | FileChunk
  | ResetChunk;

/** The last chunk of an execution. */
export interface DoneChunk extends ChunkBase {
  type: 'done';
  result: ExecutionResult;
}

/** Set by the runtime when it delivers a chunk: `index` counts from 0 without gaps. */
interface Stamped {
  call: number;
  index: number;
}

/** A chunk as it is delivered to the consumer. */
export type StampedChunk = StreamChunk & Stamped;

/** What the consumer of an execution reads. */
export type ExecutionChunk = StampedChunk | (DoneChunk & Stamped);
