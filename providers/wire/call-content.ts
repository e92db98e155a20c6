import type { ToolCallPart } from '../../src/index.ts';

/** What the model hears of a tool that failed without a word. Some APIs refuse an error that says nothing. */
export const BLANK_ERROR = 'The tool failed and gave no message.';

/** The arguments that go back with a call. Those that could not be read go as an object, so that the model sees what it wrote. */
export function sentArguments({ arguments: args, invalid }: ToolCallPart): unknown {
  return invalid === undefined ? args : { invalid_json: invalid.raw };
}
