import { chatStream, messagesStream, responsesStream } from '../../testing/index.ts';
import type { Wire } from '../../testing/upstream/wires.ts';
import { recordings } from '../support/recording-files.ts';

/** A complete stream of a wire: one JSON payload per line. */
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

/** Longer recordings would only make each run slower, without new shapes. */
const MOST_LINES = 120;

/** The streams to mutate: synthetic ones, and the recordings if they exist. */
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
