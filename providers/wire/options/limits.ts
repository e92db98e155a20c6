import * as z from 'zod';

/** The most that one call may take up. A call that takes more ends with a `protocol` error that names the limit. */
export interface Limits {
  /** Characters of one event, or of a whole JSON reply, after decoding. Default: 8 Mi. */
  maxEventCharacters: number;
  /** Characters of text, thinking and tool arguments together. Default: 16 Mi. */
  maxOutputCharacters: number;
  /** Characters of the arguments of one tool call. A call with more is delivered as invalid. Default: 1 Mi. */
  maxArgumentsCharacters: number;
  /** Tool calls in one reply. Default: 1,024. */
  maxToolCalls: number;
  /** The highest index that the server may give a tool call or a block. Default: 4,095. */
  maxToolIndex: number;
}

const limit = z.int().min(1);

/** Checks the option `limits`. A limit that is left out gets its default. */
export const limitsSchema = z.strictObject({
  maxEventCharacters: limit.default(8 * 1024 * 1024),
  maxOutputCharacters: limit.default(16 * 1024 * 1024),
  maxArgumentsCharacters: limit.default(1024 * 1024),
  maxToolCalls: limit.default(1_024),
  maxToolIndex: limit.default(4_095),
});
