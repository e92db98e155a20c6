import type { ToolCallPart } from '../../../src/index.ts';
import { isRecord } from '../json.ts';

/** What the model gets if a tool failed without a message. Some APIs refuse an empty error. */
export const BLANK_ERROR = 'The tool failed and gave no message.';

/**
 * The arguments to send back with a call, as an object. If they could not be read, their text goes into a field, so that
 * the model sees what it wrote. The input of another provider's custom tool, which is text, goes into a field, too.
 */
export function sentArguments({ arguments: args, invalid }: ToolCallPart): Record<string, unknown> {
  if (invalid !== undefined) return { invalid_json: invalid.raw };
  if (isRecord(args)) return args;
  return args === undefined || args === null ? {} : { value: args };
}
