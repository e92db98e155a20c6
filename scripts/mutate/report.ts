import { relative } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';

/** What the report says of a mutant. */
type Tried = Pick<MutantResult, 'fileName' | 'location' | 'mutatorName' | 'replacement' | 'status'>;

/** The survivors, one a line, and the score: the share of the mutants that were tried and killed. */
export function reportOf(mutants: readonly Tried[], root: string): string {
  const of = (...statuses: Tried['status'][]): Tried[] =>
    mutants.filter(({ status }) => statuses.includes(status));
  const killed = of('Killed', 'Timeout', 'RuntimeError').length;
  const survivors = of('Survived');
  const unreached = of('NoCoverage');
  const tried = killed + survivors.length + unreached.length;
  const score = tried === 0 ? 0 : killed / tried;
  return [
    ...unreached.map((mutant) => `no test: ${lineOf(mutant, root)}`),
    ...survivors.map((mutant) => `survived: ${lineOf(mutant, root)}`),
    `score ${(100 * score).toFixed(1)} %: of ${tried + of('CompileError').length} mutants ${tried} were tried: ` +
      `${killed} killed, ${survivors.length} survived, ${unreached.length} reached by no test`,
  ].join('\n');
}

function lineOf({ fileName, location, mutatorName, replacement }: Tried, root: string): string {
  const { line, column } = location.start;
  const change = replacement.replaceAll(/\s+/g, ' ').slice(0, 100);
  return `${relative(root, fileName)}:${line}:${column} ${mutatorName}: ${change}`;
}
