import { BaseSequencer, type TestSpecification } from 'vitest/node';

const projects = ['fast', 'slow', 'package'];

/**
 * The order of test files: the fast ones, so that the first results come at once; the slow ones, longest first, so that no worker is left
 * with a long file at the end; and the tests of the package, which is built in the meantime.
 */
export class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

/** The longest files, which are among the shortest to read. Before its first run, vitest would go by size. */
const long = /\/test\/(?:faults|histories)\//;

function rankOf({ project, moduleId }: TestSpecification): number {
  return 2 * projects.indexOf(project.name) + (long.test(moduleId) ? 0 : 1);
}
