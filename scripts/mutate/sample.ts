import { createHash } from 'node:crypto';

/** What is said of a mutant that is not in the sample. */
const notSampled = 'not in the sample';

/** How many mutants to try, and which: set by main.ts for the process that checks mutants. */
export const sampleVariable = 'SLUICE_MUTATE_SAMPLE';
export const seedVariable = 'SLUICE_MUTATE_SEED';

/** A mutant as Stryker gives it: what decides whether it is in a sample. */
interface Mutant {
  id: string;
  fileName: string;
  location: unknown;
  mutatorName: string;
  replacement: string;
}

/** What Stryker's checkers answer. */
type CheckResult = { status: 'passed' } | { status: 'compileError'; reason: string };

/** The ids of `count` mutants, chosen by a seed. The same seed over the same code chooses the same mutants. */
export function sampled(mutants: readonly Mutant[], count: number, seed: string): Set<string> {
  const ranked = mutants.map((mutant) => ({ id: mutant.id, rank: rankOf(mutant, seed) }));
  return new Set(
    ranked
      .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
      .slice(0, count)
      .map(({ id }) => id),
  );
}

function rankOf({ fileName, location, mutatorName, replacement }: Mutant, seed: string): string {
  return createHash('sha1')
    .update(JSON.stringify([seed, fileName.split('/').slice(-3), location, mutatorName, replacement]))
    .digest('hex');
}

/** Leaves out all mutants but a sample. Stryker has no sampling of its own; to it, the others do not compile. */
class SampleChecker {
  #left = Number(process.env[sampleVariable] ?? Number.POSITIVE_INFINITY);
  readonly #chosen = new Set<string>();

  async init(): Promise<void> {}

  /** Called with all mutants before the first check. */
  async group(mutants: Mutant[]): Promise<string[][]> {
    for (const id of sampled(mutants, this.#left, process.env[seedVariable] ?? '1')) this.#chosen.add(id);
    this.#left -= Math.min(this.#left, mutants.length);
    return mutants.map(({ id }) => [id]);
  }

  async check(mutants: Mutant[]): Promise<Record<string, CheckResult>> {
    return Object.fromEntries(mutants.map(({ id }): [string, CheckResult] => [id, this.#result(id)]));
  }

  #result(id: string): CheckResult {
    if (this.#chosen.has(id)) return { status: 'passed' };
    return { status: 'compileError', reason: notSampled };
  }
}

/** Stryker looks for this name in a plugin. */
export const strykerPlugins = [{ kind: 'Checker', name: 'sample', value: new SampleChecker() }];
