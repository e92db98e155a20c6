import { SluiceError, isSluiceError, kindOf } from '../errors.ts';
import { contextKey } from '../keys.ts';
import type { ContextKey } from '../keys.ts';

/**
 * Names the kind of something that was thrown, for a warning or a log line: the name of an `Error`, else the kind of the value. Never its
 * message, which may hold a prompt or a key.
 *
 * @example
 * context.warn(`recorder: the file was not written: ${kindOfThrown(error)}.`);
 */
export function kindOfThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `${kindOf(thrown)}, not an Error`;
  const name: unknown = thrown.name;
  return typeof name === 'string' && /^\w{1,60}$/.test(name) ? name : 'Error';
}

/**
 * Calls a function that must not fail, hold up or end what calls it. What it throws, or what the promise that it returns rejects with, goes to
 * `failed`, which must not throw. The promise is not waited for.
 *
 * @example
 * guarded(() => options.onFile?.({ path }), (thrown) => log.warn(`onFile threw ${kindOfThrown(thrown)}.`));
 */
export function guarded(call: () => unknown, failed: (thrown: unknown) => void): void {
  try {
    const answer = call();
    if ((typeof answer !== 'object' && typeof answer !== 'function') || answer === null) return;
    // Not Promise.resolve(): anything with a method `then` counts, and reading `then` may throw.
    new Promise((resolve) => resolve(answer)).then(undefined, failed);
  } catch (thrown) {
    failed(thrown);
  }
}

/** Whether a value is waited for by `await`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return 'then' in value && typeof value.then === 'function';
}

/** Takes no notice of a promise that nobody waits for, so that its rejection does not end the process. */
export function ignored(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null) return;
  guarded(
    () => (isThenable(answer) ? answer : undefined),
    () => undefined,
  );
}

/**
 * Calls a function of the user whose answer is needed at once, such as an option `key`, and returns its answer. `name` says whose function it is,
 * such as `rateLimit(): key`. `kind` is what `typeof` of the answer has to be, if that matters.
 *
 * Throws `middleware` if the function throws anything but a `SluiceError`, with what it threw as the cause, and `invalid_options` if it returns a promise or an
 * answer of another kind.
 *
 * @example
 * const tenant = answerOf('recorder(): key', () => options.key(context), 'string');
 */
export function answerOf<T>(name: string, call: () => T, kind?: 'string' | 'number'): T {
  let answer: T;
  try {
    answer = call();
  } catch (thrown) {
    if (isSluiceError(thrown)) throw thrown;
    throw new SluiceError('middleware', `${name} threw ${kindOfThrown(thrown)} (see the cause).`, {
      cause: thrown,
    });
  }
  if (isThenable(answer)) {
    ignored(answer);
    throw new SluiceError(
      'invalid_options',
      `${name} returned a promise: give a function that is not async.`,
    );
  }
  if (kind === undefined || typeof answer === kind) return answer;
  throw new SluiceError('invalid_options', `${name} returned ${kindOf(answer)}: return a ${kind}.`);
}

/** Names of the listeners that have failed in an execution. */
const Failed = contextKey<Set<string>>('failed listeners');

/**
 * Calls a listener that the user of a plugin passed in, such as `onRetry`, by {@link guarded}: a listener never fails an execution, and is not
 * waited for. The first time that it throws or rejects, the result of the execution gets a warning that names the kind of error.
 *
 * `name` says whose listener it is, such as `retry: onRetry`.
 *
 * @example
 * callListener(context, 'recorder: onFile', () => options.onFile?.({ path }));
 */
export function callListener(
  context: { warn(message: string): void; once<T>(key: ContextKey<T>, make: () => T): T },
  name: string,
  call: () => unknown,
): void {
  guarded(call, (thrown) => {
    const failed = context.once(Failed, () => new Set());
    if (failed.has(name)) return;
    failed.add(name);
    context.warn(`${name} threw ${kindOfThrown(thrown)}.`);
  });
}
