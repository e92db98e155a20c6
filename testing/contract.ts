import { setImmediate as turn } from 'node:timers/promises';
import { clearTimeout, setTimeout } from 'node:timers';

/**
 * The functions of a test runner, such as `test` and `describe` from vitest or `node:test`. Run the cases one at a time, as runners do
 * by default: some of them count the timers and listeners of the whole process.
 */
export interface TestRunner {
  test(name: string, body: () => Promise<void>): unknown;
  /** Groups the cases. Without it, each case's name starts with the name of the suite. */
  describe?(name: string, body: () => void): unknown;
  /** How long a case may take before it fails, in milliseconds. Default 5,000. */
  timeoutMs?: number;
}

/** One case of a contract. */
export interface ContractCase {
  readonly name: string;
  /** Rejects if the contract is broken. */
  run(): Promise<void>;
}

/** The default of {@link TestRunner.timeoutMs}. */
export const DEFAULT_TIMEOUT_MS = 5_000;

/** Registers cases with a test runner. */
export function register(title: string, cases: readonly ContractCase[], runner: TestRunner): void {
  const { test, describe } = runner;
  if (describe === undefined) {
    for (const { name, run } of cases) test(`${title}: ${name}`, run);
    return;
  }
  describe(title, function suite() {
    for (const { name, run } of cases) test(name, run);
  });
}

/**
 * Waits for a promise, and says what for: `until('the model is called', call)`. If the case hangs, its error names what it was waiting
 * for.
 */
export type Until = <T>(what: string, promise: PromiseLike<T>) => Promise<T>;

/** A case before it has a time limit. */
interface UnlimitedCase {
  readonly name: string;
  run(until: Until): Promise<void>;
}

/** Adds a time limit to a case, so that a hang is reported under the name of its case. */
export function limited({ name, run }: UnlimitedCase, timeoutMs: number = DEFAULT_TIMEOUT_MS): ContractCase {
  return {
    name,
    async run() {
      const waits = new Set<string>();
      const until: Until = async function until(what, promise) {
        waits.add(what);
        try {
          return await promise;
        } finally {
          waits.delete(what);
        }
      };
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(function onTime() {
        const what = waits.size === 0 ? '' : `, waiting until ${[...waits].join(' and ')}`;
        late.reject(new Error(`Still running after ${timeoutMs} ms${what}: ${name}`));
      }, timeoutMs);
      try {
        await Promise.race([run(until), late.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Waits for a few turns of the event loop, so that everything that is ready to run has run. */
export async function settled(turns = 5): Promise<void> {
  for (let at = 0; at < turns; at++) await turn();
}
