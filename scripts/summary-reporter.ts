import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/**
 * A vitest reporter that lists skipped tests with their reasons. Its last line can be read by a script: `12 passed, 0 failed`, or
 * `12 passed, 0 failed, 3 skipped`. A file that cannot be loaded and an error outside of any test count as failures.
 */
export class SummaryReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    const skipped: string[] = [];
    for (const module of modules) {
      failed += module.errors().length;
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'skipped') skipped.push(describeSkipped(test));
        else failed += 1;
      }
    }
    for (const line of skipped) this.#print(line);
    const tail = skipped.length > 0 ? `, ${String(skipped.length)} skipped` : '';
    this.#print(`${String(passed)} passed, ${String(failed)} failed${tail}`);
  }

  #print(line: string): void {
    if (this.#vitest) this.#vitest.logger.log(line);
    else console.log(line);
  }
}

/** Describes a skipped test in one line, with the reason given to `context.skip(reason)`. */
function describeSkipped(test: TestCase): string {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  return `skipped: ${test.module.relativeModuleId} > ${test.fullName}${note === undefined ? '' : ` (${note})`}`;
}
