import { setImmediate as turn } from 'node:timers/promises';
import { clearTimeout, setTimeout } from 'node:timers';

/**
 * The functions of a test runner, such as `test` and `describe` of vitest or of `node:test`. The cases count what is left in the
 * process, so they have to run one after the other, as they do by default.
 */
export interface TestRunner {
  test(name: string, body: () => Promise<void>): unknown;
  /** Groups the cases; without it their names begin with the suite's. */
  describe?(name: string, body: () => void): unknown;
  /** How long a case waits for what has to happen, in milliseconds, before it fails. Default 5,000. */
  timeoutMs?: number;
}

/** One case of a contract. */
export interface ContractCase {
  readonly name: string;
  /** Rejects where the contract is broken. */
  run(): Promise<void>;
}

/** The default of {@link TestRunner.timeoutMs}. */
const DEFAULT_TIMEOUT_MS = 5_000;

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

/** A case that fails when it takes too long, so that whatever hangs is named by its case. */
export function limited(contractCase: ContractCase, timeoutMs: number = DEFAULT_TIMEOUT_MS): ContractCase {
  return {
    name: contractCase.name,
    async run() {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(function onTime() {
        late.reject(new Error(`not over after ${timeoutMs} ms: ${contractCase.name}`));
      }, timeoutMs);
      try {
        await Promise.race([contractCase.run(), late.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Lets everything that is ready happen: a few turns of the event loop. */
export async function settled(turns = 5): Promise<void> {
  for (let at = 0; at < turns; at++) await turn();
}
