import type { InvalidArguments, Message, Part } from './messages.ts';
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

/** The messages of a reply that did not come to its end: its last one of the assistant is marked, unless all its tool calls have their results. */
export function cutShort(messages: readonly Message[]): Message[] {
  const marked = [...messages];
  const at = messages.findLastIndex(({ role }) => role === 'assistant');
  const last = messages[at];
  if (last !== undefined && !isAnswered(last, messages.slice(at + 1)))
    marked[at] = { ...last, partial: true };
  return marked;
}

/** Whether results follow a reply, and one for each of its calls. */
function isAnswered(reply: Message, results: readonly Message[]): boolean {
  const answered = results.flatMap(partsOf).flatMap((part) => (part.type === 'tool_result' ? [part.id] : []));
  const isOpen = (part: Part): boolean => {
    if (part.type !== 'tool_call' || part.providerExecuted === true) return false;
    const at = answered.indexOf(part.id);
    if (at >= 0) answered.splice(at, 1);
    return at < 0;
  };
  return results.length > 0 && !partsOf(reply).some(isOpen);
}

function partsOf({ content }: Message): readonly Part[] {
  return typeof content === 'string' ? [] : content;
}
