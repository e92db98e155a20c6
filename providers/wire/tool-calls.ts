import type { FinishReason, ProviderBlock, StreamChunk } from '../../src/index.ts';
import type { Limits } from './limits.ts';

/** A piece of a tool call. All fields are as the wire gave them: servers leave them out or send nonsense. */
export interface ToolCallPiece {
  /** Place among the calls. */
  index?: unknown;
  id?: unknown;
  name?: unknown;
  /** A string: the next characters of the arguments' JSON. An object: a start value that later strings replace. */
  arguments?: unknown;
  /** The next characters of a free-form input that is not JSON; the finished call's `arguments` is the whole string. */
  input?: unknown;
  /** The call's verbatim form, put on the finished call. */
  block?: ProviderBlock | undefined;
}

/** Collects the pieces of a reply's tool calls, keyed by id, then by index. */
export declare class ToolCallAssembler {
  constructor(options: { provider: string; limits: Limits });
  /** Calls so far. */
  readonly size: number;
  /** Takes a piece; pushes a `tool_call_delta` where the call's id is known (else its text waits for `end`). */
  add(piece: ToolCallPiece, out: StreamChunk[]): void;
  /** The wire's last word on a call (`arguments` or `input` whole): replaces what was collected. */
  settle(piece: ToolCallPiece, out: StreamChunk[]): void;
  /**
   * The reply is over: pushes a `tool_call` for each call, in order of their start. Cut ones (`length`, `content_filter`,
   * `refusal`) are left out; malformed arguments are a `protocol` error otherwise.
   */
  end(finishReason: FinishReason, out: StreamChunk[]): void;
}
