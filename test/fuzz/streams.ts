import { chatStream, messagesStream, responsesStream } from '../../testing/index.ts';
import type { Wire } from '../../testing/upstream/wires.ts';
import { recordings } from '../support/recording-files.ts';

/** A whole stream of a wire, one event's JSON payload a line. */
export interface Source {
  readonly name: string;
  readonly wire: Wire;
  readonly lines: readonly string[];
}

const SAID = { text: 'It is 21 °C, sunny 😀.', reasoning: 'Two tools will do.' };
const CALLS = [
  { name: 'weather', arguments: { city: 'Zürich', days: [1, 2, { deep: true }] } },
  { name: 'time', arguments: {} },
];

/** Longer recordings add time to each run and no new shape. */
const MOST_LINES = 120;

/** What is mutated: streams made here, and the recordings where they are there. */
export function sourcesOf(wire: Wire): Source[] {
  const made: Record<Wire, readonly string[]> = {
    'openai-chat': chatStream({ ...SAID, toolCalls: CALLS }).lines,
    'openai-responses': responsesStream({ ...SAID, encryptedContent: 'c2VjcmV0', toolCalls: CALLS }).lines,
    'anthropic-messages': messagesStream({ text: SAID.text, thinking: SAID.reasoning, toolCalls: CALLS })
      .lines,
  };
  const recorded = recordings(wire).filter(({ lines }) => lines.length <= MOST_LINES);
  return [{ name: 'made', wire, lines: made[wire] }, ...recorded];
}
