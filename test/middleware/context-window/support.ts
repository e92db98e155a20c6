import { Pipeline, textOf } from 'sluice';
import type { ExecutionOptions, ExecutionResult, Message, Middleware, Part } from 'sluice';
import { estimateInputTokens } from 'sluice/kit';
import { contextWindow, type ContextWindowOptions, type WindowCut } from 'sluice/middleware/context-window';
import { provider } from 'sluice/middleware/provider';
import { scripted, type ScriptedAnswer, type ScriptedProvider } from 'sluice/testing';

export const user = (content: Message['content']): Message => ({ role: 'user', content });
export const assistant = (content: Message['content']): Message => ({ role: 'assistant', content });
export const system = (content: string): Message => ({ role: 'system', content });
export const call = (id: string, name = 'look_up'): Part => ({
  type: 'tool_call',
  id,
  name,
  arguments: { id },
});
export const result = (id: string, content = 'found', name = 'look_up'): Part => ({
  type: 'tool_result',
  id,
  name,
  content,
});
export const tool = (...content: Part[]): Message => ({ role: 'tool', content });

/** `count` turns of a question and an answer, and a last question. Each message has 24 tokens: 4 and 80 characters. */
export function chat(count: number): Message[] {
  const messages: Message[] = [];
  for (let turn = 1; turn <= count; turn++) messages.push(user(pad(`u${turn}`)), assistant(pad(`a${turn}`)));
  return [...messages, user(pad('u'))];
}

/** A text of 80 characters: 20 tokens to the heuristic, and about as many to the tokenizer. */
export function pad(text: string): string {
  return `${text}|`.padEnd(80, ' it is a fine day');
}

/** A message in short: its role's first letter and its text without padding, or its parts. */
export function short(message: Message): string {
  if (typeof message.content === 'string')
    return `${message.role[0]}:${message.content.replace(/(?:\|.*|\.)$/, '')}`;
  const parts = message.content.map((part) => ('id' in part ? `${part.type}(${part.id})` : part.type));
  return `${message.role[0]}:${parts.join('+')}`;
}

export interface Told {
  /** The messages of the last call, in short. */
  sent: string[];
  cuts: WindowCut[];
  result: ExecutionResult;
  model: ScriptedProvider;
}

type Options = Partial<ContextWindowOptions> & Pick<ContextWindowOptions, 'maxTokens'>;

/** Runs one execution through a window that counts by heuristic and drops the oldest, unless said otherwise. */
export async function run(
  messages: readonly Message[],
  options: Options,
  answers: ScriptedAnswer | readonly ScriptedAnswer[] = 'ok',
  { execution, above = [] }: { execution?: ExecutionOptions; above?: readonly Middleware[] } = {},
): Promise<Told> {
  const cuts: WindowCut[] = [];
  const model = scripted(answers);
  const window = contextWindow({
    strategy: 'drop-oldest',
    counter: 'heuristic',
    onCut: (cut) => cuts.push(cut),
    ...options,
  });
  const result = await new Pipeline([...above, window, provider(model)]).execute(messages, execution);
  return { sent: (model.requests.at(-1)?.messages ?? []).map(short), cuts, result, model };
}

/** Tokens of messages to the heuristic. */
export function weight(messages: readonly Message[]): number {
  return estimateInputTokens({ messages, parameters: {} });
}

/** The text of each message of a request. */
export function textsOf(messages: readonly Message[] = []): string[] {
  return messages.map(textOf);
}
