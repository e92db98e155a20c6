import { SluiceError } from '../src/index.ts';
import { kindOf } from '../src/kit/index.ts';
import type {
  ExecutionContext,
  Message,
  Middleware,
  Next,
  Reply,
  Stream,
  StreamChunk,
} from '../src/index.ts';

/** The text of a system message, or a function that makes it for one execution. If the function returns `''` or `undefined`, no message is added. */
export type SystemText =
  string | ((context: ExecutionContext) => string | undefined | Promise<string | undefined>);

/**
 * Adds a system message before the conversation. With several of them, the message of the outer one comes first. It is added after the system
 * messages that the conversation already starts with. The message is sent, but not stored with the session.
 *
 * Throws `invalid_options` if `text` is neither a function nor a string that is not empty.
 *
 * @example
 * new Pipeline([system('You are terse.'), system(({ request }) => `The user's city: ${String(request.metadata?.['city'])}`), provider(openai())]);
 */
export function system(text: SystemText): Middleware {
  if ((typeof text !== 'string' && typeof text !== 'function') || text === '') {
    const found = text === '' ? 'empty' : kindOf(text);
    const advice = 'give a text that is not empty, or a function of the context that returns one';
    throw new SluiceError('invalid_options', `system(): text is ${found}: ${advice}.`);
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
      `system(): the function returned ${kindOf(text)}: return a string or undefined.`,
    );
  }
  return next({ messages: inserted(context.request.messages, { role: 'system', content: text }) });
}

function inserted(messages: readonly Message[], message: Message): Message[] {
  const first = messages.findIndex(({ role }) => role !== 'system');
  const at = first === -1 ? messages.length : first;
  return [...messages.slice(0, at), message, ...messages.slice(at)];
}
