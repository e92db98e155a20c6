import type { ExecutionContext } from '../../src/index.ts';

const warned = new WeakMap<object, Set<string>>();

/** Adds warnings to the result, each of them once. `asked` is the same object in all rounds of an execution. */
export function warnOnce(context: ExecutionContext, asked: object): (message: string) => void {
  const said = warned.get(asked) ?? new Set();
  warned.set(asked, said);
  return (message) => {
    if (said.has(message)) return;
    said.add(message);
    context.warn(message);
  };
}
