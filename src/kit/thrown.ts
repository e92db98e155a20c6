import { kindOf } from '../errors.ts';

/**
 * Names the kind of something that was thrown, for a warning or a log line: the name of an `Error`, else the kind of the value. Never its
 * message, which may hold a prompt or a key.
 *
 * @example
 * context.warn(`recorder: the file was not written: ${kindOfThrown(error)}.`);
 */
export function kindOfThrown(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : `${kindOf(thrown)}, not an Error`;
}

/**
 * Calls a listener that the user of a plugin passed in, such as `onRetry`. What it throws, or rejects with, becomes a warning that names its
 * kind: a listener never fails an execution. It is not waited for.
 *
 * `context` takes the warning. `name` says whose listener it is, such as `retry: onRetry`.
 *
 * @example
 * callListener(context, 'recorder: onFile', () => options.onFile?.({ path }));
 */
export function callListener(
  context: { warn(message: string): void },
  name: string,
  call: () => unknown,
): void {
  const failed = (thrown: unknown): void => context.warn(`${name} threw ${kindOfThrown(thrown)}.`);
  try {
    const answer = call();
    if (answer instanceof Promise) answer.catch(failed);
  } catch (thrown) {
    failed(thrown);
  }
}
