import { SluiceError, type Message } from '../../../src/index.ts';

/**
 * The error for a request of which nothing can be sent, or not the message that asks. It names the part. `messages` are the
 * caller's. `at` is the position of the message, by default of the last one that is not a system prompt.
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
    return messages.length === 0 ? 'messages is empty' : 'messages holds only system prompts';
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
