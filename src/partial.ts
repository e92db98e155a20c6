import type { InvalidArguments, Part } from './messages.ts';
import type { Cost, Usage } from './usage.ts';

/** A finished tool call of the model. */
export interface ToolCall {
  id: string;
  name: string;
  arguments: unknown;
  /** The provider has run the tool itself. Nobody else may run it. */
  providerExecuted?: true;
  /** The arguments could not be read: `arguments` is `{}`, and the call must not be run. */
  invalid?: InvalidArguments;
}

/** What had been received when an execution ended early: from all calls, after resets. */
export interface Partial {
  content: string;
  thinking: string;
  toolCalls: ToolCall[];
  parts: Part[];
  /** The sum over all calls so far; absent in the partial of an inner stream. */
  usage?: Usage;
  /** The sum over all calls so far; unknown without the cost middleware; absent in the partial of an inner stream. */
  cost?: Cost;
}

/** What the consumer saw, and after it what a layer had received and still held when it failed. */
export function withHeld(seen: Partial, held: Partial | undefined): Partial {
  if (held === undefined) return seen;
  return {
    ...seen,
    content: seen.content + held.content,
    thinking: seen.thinking + held.thinking,
    toolCalls: [...seen.toolCalls, ...held.toolCalls],
    parts: [...seen.parts, ...held.parts],
  };
}
