import type { InvalidArguments, ProviderBlock } from './messages.ts';
import type { ExecutionResult } from './result.ts';

interface ChunkBase {
  /** Number of the model call that made it, from 1; 0 or absent: no call did. The runtime sets it. */
  call?: number;
  /** Place in the execution, set at its edge. */
  index?: number;
}

/** A piece of the answer's text. */
export interface ContentChunk extends ChunkBase {
  type: 'content';
  content: string;
  /** Citations that belong to the text so far, as the provider gave them. */
  citations?: unknown[];
  /** The model declines; the text says so. */
  refusal?: true;
  /** A block of the provider that stands after the text so far, kept verbatim for the next turn. */
  block?: ProviderBlock;
}

/** A piece of the model's thinking. With `block` it closes the thinking so far and carries its verbatim form. */
export interface ThinkingChunk extends ChunkBase {
  type: 'thinking';
  content: string;
  block?: ProviderBlock;
}

/** A piece of a tool call that is still being written: provisional, never to be run. */
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
  /** The provider has run the tool itself: nobody else may run it. */
  providerExecuted?: true;
  /** The arguments could not be read: `arguments` is `{}`, and the call must not be run. */
  invalid?: InvalidArguments;
  block?: ProviderBlock;
}

/** What a tool answered. */
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

/** An image, a sound or another file that the model made: base64 `data`, or a `url`. One of the two is there. */
export interface FileChunk extends ChunkBase {
  type: 'file';
  mediaType: string;
  data?: string;
  url?: string;
  /** The provider's id of it. */
  id?: string;
  block?: ProviderBlock;
}

/** Voids every chunk whose `call` is at least `from`: whoever keeps chunks drops them. */
export interface ResetChunk extends ChunkBase {
  type: 'reset';
  from: number;
  reason: string;
}

/** What travels inside a pipeline, between middleware. */
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

/** Set at the edge of an execution: `index` is dense from 0. */
interface Stamped {
  call: number;
  index: number;
}

/** A chunk that has passed the edge. */
export type StampedChunk = StreamChunk & Stamped;

/** What the consumer of an execution reads. */
export type ExecutionChunk = StampedChunk | (DoneChunk & Stamped);
