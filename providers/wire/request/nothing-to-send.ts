import { SluiceError, type Message } from '../../../src/index.ts';

/**
 * The error of a request of which nothing is left to send, or not the message that asks. It names the part. `messages` are the
 * caller's; `at` is the message's place, by default that of the last one that is no system prompt.
 */
export function nothingToSend(
  provider: string,
  messages: readonly Message[],
  at = messages.findLastIndex(({ role }) => role !== 'system'),
): SluiceError {
  const what = whatIsWrong(messages, at);
  return new SluiceError('invalid_request', `${provider}: ${what}: give the model something to answer.`, {
    provider,
  });
}

function whatIsWrong(messages: readonly Message[], at: number): string {
  const message = messages[at];
  if (message === undefined) {
    return messages.length === 0 ? 'messages is empty' : 'messages holds system prompts alone';
  }
  const { content } = message;
  const place = `messages[${at}].content`;
  if (typeof content === 'string') return `${place} is blank`;
  if (content.length === 0) return `${place} is empty`;
  const unsent = content.findIndex(({ type }) => type !== 'text');
  const part = content[unsent];
  return part === undefined
    ? `${place}[0] is blank`
    : `${place}[${unsent}] of type ${part.type} cannot be sent`;
}
