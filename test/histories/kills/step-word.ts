import type { Message, Part, Step } from '../../../src/index.ts';
import { textIn } from '../stamp.ts';

/** What a line keeps of a step. */
export type StepWord =
  | { kind: 'reply'; round: number; said: string; begun: string[] }
  | { kind: 'started'; call: string }
  | { kind: 'result'; call: string; said: string }
  | { kind: 'decision'; call: string; by: string; approves: boolean }
  | { kind: 'other'; said: string };

/** A step as it is written down. */
export function wordOf(step: Step): StepWord {
  switch (step.kind) {
    case 'reply':
      return { kind: 'reply', round: step.round, said: saidIn(step.message), begun: step.starts };
    case 'started':
      return { kind: 'started', call: step.callId };
    case 'result':
      return { kind: 'result', call: step.callId, said: textOf(step.content) };
    case 'decision':
      return { kind: 'decision', call: step.callId, by: step.by, approves: 'approve' in step.decision };
    default:
      return { kind: 'other', said: step.kind };
  }
}

/** The text and the calls of a message, which are the same in a step and in the history. */
export function saidIn(message: Message): string {
  const { content } = message;
  const calls = (typeof content === 'string' ? [] : content).flatMap((part) =>
    part.type === 'tool_call' ? [`${part.id} ${part.name} ${JSON.stringify(part.arguments)}`] : [],
  );
  return [textIn(message), ...calls].join('\n');
}

/** The results in messages, by the ids of their calls. */
export function resultsIn(messages: readonly Message[]): [call: string, text: string][] {
  return messages.flatMap(({ content }) =>
    typeof content === 'string'
      ? []
      : content.flatMap((part): [string, string][] =>
          part.type === 'tool_result' ? [[part.id, textOf(part.content)]] : [],
        ),
  );
}

function textOf(content: string | readonly Part[]): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}
