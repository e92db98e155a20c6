import * as z from 'zod';

/** What one call may take up before it is ended with a `protocol` error that names the limit. */
export interface Limits {
  /** Most characters of one event (or of a whole JSON answer), as decoded text. Default 8 Mi. */
  maxEventCharacters: number;
  /** Most characters of text, thinking and tool arguments together. Default 16 Mi. */
  maxOutputCharacters: number;
  /** Most characters of one tool call's arguments; a call with more is delivered as invalid. Default 1 Mi. */
  maxArgumentsCharacters: number;
  /** Most tool calls of one reply. Default 1,024. */
  maxToolCalls: number;
  /** Highest index that the wire may give a tool call or block. Default 4,095. */
  maxToolIndex: number;
}

const positive = z.number().int().positive();

/** Checks a `limits` option; what is left out gets its default. */
export const limitsSchema = z.strictObject({
  maxEventCharacters: positive.default(8 * 1024 * 1024),
  maxOutputCharacters: positive.default(16 * 1024 * 1024),
  maxArgumentsCharacters: positive.default(1024 * 1024),
  maxToolCalls: positive.default(1_024),
  maxToolIndex: positive.default(4_095),
});
