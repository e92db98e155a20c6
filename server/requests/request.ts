import type { ExecutionOptions, Input } from '../../src/index.ts';
import type { EncoderOptions } from '../formats/format.ts';

/** A request of a protocol, as a pipeline and an encoder take it. */
export interface ParsedRequest {
  /** What is said, for `execute()` and `executeWithContext()`. */
  input: Input;
  /** Model, parameters, tools and response format. The route adds signal, turn id, values and metadata. */
  options: ExecutionOptions;
  /** For the encoder of the format. */
  encoder: EncoderOptions;
  /** Whether the client wants a stream. */
  stream: boolean;
}
