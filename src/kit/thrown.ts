import type { ExecutionContext } from '../context.ts';
import { kindOf } from '../errors.ts';
import { contextKey } from '../keys.ts';

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
  context: Pick<ExecutionContext, 'warn' | 'get' | 'set'>,
  name: string,
  call: () => unknown,
): void {
  guarded(call, (thrown) => {
    const failed = context.get(Failed) ?? new Set();
    context.set(Failed, failed);
    if (failed.has(name)) return;
    failed.add(name);
    context.warn(`${name} threw ${kindOfThrown(thrown)}.`);
  });
}
