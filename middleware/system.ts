import { SluiceError } from '../src/index.ts';
import type {
  ExecutionContext,
  Message,
  Middleware,
  Next,
  Reply,
  Stream,
  StreamChunk,
} from '../src/index.ts';

/** The text of a system message, or a function that makes it for one execution. `''` and `undefined` add no message. */
export type SystemText =
  string | ((context: ExecutionContext) => string | undefined | Promise<string | undefined>);

/**
 * Adds a system message before the conversation. Stacked ones append in order: the text of the outer one comes first. System messages
 * that lead the conversation already stay before it. The message is sent, not stored with the session.
 *
 * Throws `invalid_options` when `text` is neither a string nor a function, or an empty string.
 *
 * @example
 * new Pipeline([system('You are terse.'), system(({ metadata }) => `The user's city: ${String(metadata['city'])}`), provider(openai())]);
 */
export function system(text: SystemText): Middleware {
  if ((typeof text !== 'string' && typeof text !== 'function') || text === '') {
    const mend = 'give a text that is not empty, or a function of the context that returns one';
    throw new SluiceError('invalid_options', `system(): the text is missing: ${mend}.`);
  }
  return function system(context, next) {
    const made = typeof text === 'string' ? text : text(context);
    return made instanceof Promise
      ? made.then((late) => withText(context, next, late))
      : withText(context, next, made);
  };
}

function withText(
  context: ExecutionContext,
  next: Next,
  text: string | undefined,
): Stream<StreamChunk, Reply> {
  if (text === undefined || text === '') return next();
  if (typeof text !== 'string') {
    throw new SluiceError(
      'invalid_options',
      'system(): the function returned no text: return a string or undefined.',
    );
  }
  return next({ messages: inserted(context.request.messages, { role: 'system', content: text }) });
}

function inserted(messages: readonly Message[], message: Message): Message[] {
  const first = messages.findIndex(({ role }) => role !== 'system');
  const at = first === -1 ? messages.length : first;
  return [...messages.slice(0, at), message, ...messages.slice(at)];
}
