import type { ToolCallPart } from '../../../src/index.ts';
import { isRecord } from '../json.ts';

/** What the model hears of a tool that failed without a word. Some APIs refuse an error that says nothing. */
export const BLANK_ERROR = 'The tool failed and gave no message.';

/**
 * The arguments that go back with a call, as the object that the wires want. Those that could not be read go in one, so that the
 * model sees what it wrote, and so does the input of another provider's custom tool, which is a text.
 */
export function sentArguments({ arguments: args, invalid }: ToolCallPart): Record<string, unknown> {
  if (invalid !== undefined) return { invalid_json: invalid.raw };
  if (isRecord(args)) return args;
  return args === undefined || args === null ? {} : { value: args };
}
