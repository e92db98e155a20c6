import type { Message } from '../../src/index.ts';

/** What the model is told if the schema is in the prompt. */
export function promptOf(schema: Readonly<Record<string, unknown>>): string {
  return [
    'Answer with one JSON value that matches this JSON Schema:',
    JSON.stringify(schema),
    'Write only the JSON: no other text, and no code fence.',
  ].join('\n');
}

/** What the model is told if the answer is the call of a tool that cannot be forced. */
export function promptOfTool(name: string): string {
  return `Give your final answer by calling the tool ${name}, and write no other text.`;
}

/** The messages with an instruction of the system after those that are at the beginning. */
export function instructed(messages: readonly Message[], text: string): readonly Message[] {
  const at = messages.findIndex(({ role }) => role !== 'system');
  const before = at === -1 ? messages.length : at;
  return [...messages.slice(0, before), { role: 'system', content: text }, ...messages.slice(before)];
}

/** What the model is asked with after an answer that does not match. */
export function repairMessages(messages: readonly Message[], text: string, problem: string): Message[] {
  const said: Message[] = text === '' ? [] : [{ role: 'assistant', content: text }];
  return [...messages, ...said, { role: 'user', content: repairPrompt(problem) }];
}

function repairPrompt(problem: string): string {
  return `That answer cannot be used. ${problem} Give the whole answer again, in the form that was asked for.`;
}
