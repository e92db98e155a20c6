import { relative } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';

/** What the report says of a mutant. */
type Tried = Pick<MutantResult, 'fileName' | 'location' | 'mutatorName' | 'replacement' | 'status'>;

/**
 * The survivors, one a line, and the score. If only a sample was tried, the score is that of the sample, lowered by the mutants that no
 * test reaches: those are known without a try.
 */
export function reportOf(mutants: readonly Tried[], root: string): string {
  const of = (...statuses: Tried['status'][]): Tried[] =>
    mutants.filter(({ status }) => statuses.includes(status));
  const killed = of('Killed', 'Timeout', 'RuntimeError').length;
  const survivors = of('Survived');
  const unreached = of('NoCoverage');
  const leftOut = of('CompileError').length;
  const tried = killed + survivors.length;
  const reached = tried + leftOut;
  const score = tried === 0 ? 0 : (killed / tried) * (reached / (reached + unreached.length));
  return [
    ...unreached.map((mutant) => `no test: ${lineOf(mutant, root)}`),
    ...survivors.map((mutant) => `survived: ${lineOf(mutant, root)}`),
    `score ${(100 * score).toFixed(1)} %: of ${reached} mutants that tests reach, ${tried} were tried, ` +
      `${killed} killed, ${survivors.length} survived; no test reaches ${unreached.length} more`,
  ].join('\n');
}

function lineOf({ fileName, location, mutatorName, replacement }: Tried, root: string): string {
  const { line, column } = location.start;
  const change = replacement.replaceAll(/\s+/g, ' ').slice(0, 100);
  return `${relative(root, fileName)}:${line}:${column} ${mutatorName}: ${change}`;
}
