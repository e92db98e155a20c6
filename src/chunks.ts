import type { FilePart, ImagePart, InvalidArguments, ProviderBlock, TextPart } from './messages.ts';
import type { ExecutionResult } from './result.ts';

interface ChunkBase {
  /**
   * Says what the chunk came of: a number of a model call, or of a run of a layer that made it of nothing. A `reset` voids chunks by it. Set by the
   * runtime, from 1; only `done` has 0.
   */
  call?: number;
  /** It was said in an earlier run of the same turn, and is said again. No call was made for it. */
  replayed?: true;
  /** Position in the execution, from 0. Set by the runtime when it delivers the chunk. */
  index?: number | undefined;
  /** The id of the turn, which goes on if it is sent again with it. Set by the runtime in the first chunk of an execution in a session. */
  turnId?: string | undefined;
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

/** How far a tool is that runs now. Messages do not contain it. */
export interface ToolProgressChunk extends ChunkBase {
  type: 'tool_progress';
  /** The id of the call. */
  id: string;
  name: string;
  /** What the tool says about its progress: plain data. */
  data: unknown;
}

/** The answer of a tool. */
export interface ToolResultChunk extends ChunkBase {
  type: 'tool_result';
  id: string;
  name: string;
  /** The text of the result. */
  content: string;
  /** The whole result, if it is more than text. Messages then have these parts in place of `content`. */
  parts?: (TextPart | ImagePart | FilePart)[];
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

/** Voids chunks that came before: whoever has kept one that {@link isVoided} must drop it. */
export interface ResetChunk extends ChunkBase {
  type: 'reset';
  /** The lowest number that is voided, 0 or more. A layer gives 0 to void all that this run of it has given and let through. */
  from: number;
  /** The numbers that are voided. Set by the runtime: those of the run of the layer that gave the reset, and no others. */
  calls?: readonly number[];
  reason: string;
}

/** Whether a reset voids the chunks of a number, which is their `call`. */
export function isVoided(reset: ResetChunk, call: number | undefined): boolean {
  const number = call ?? 0;
  return reset.calls === undefined ? number >= reset.from : reset.calls.includes(number);
}

/** The chunks that middleware pass to each other inside a pipeline. */
export type StreamChunk =
  | ContentChunk
  | ThinkingChunk
  | ToolCallDeltaChunk
  | ToolCallChunk
  | ToolProgressChunk
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
export type StampedChunk =
  (Exclude<StreamChunk, ResetChunk> & Stamped) | (ResetChunk & Stamped & { calls: readonly number[] });

/** What the consumer of an execution reads. */
export type ExecutionChunk = StampedChunk | (DoneChunk & Stamped);
