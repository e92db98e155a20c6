import type { ExecutionOptions, Input } from '../../src/index.ts';
import type { EncoderOptions } from '../formats/format.ts';
import { fieldError } from './request-error.ts';

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

/** What a parser has to know about the pipeline. */
export interface ParserSettings {
  /** The names of the tools that the pipeline itself has. A tool of the request with such a name is refused. */
  ownTools?: ReadonlySet<string>;
}

/** The name of a tool of the request. Throws if the pipeline has a tool of that name, since nobody could say whose a call is. */
export function requireForeign(name: string, path: string, { ownTools }: ParserSettings): string {
  if (ownTools?.has(name) === true)
    throw fieldError(path, `the server has a tool of that name itself: rename yours`);
  return name;
}
