import { minutes, table } from '../tables.ts';
import type { KillsHistory } from './run.ts';

/** What is counted, in words. */
const COUNTS: readonly (readonly [words: string, of: (history: KillsHistory) => string | number])[] = [
  ['processes killed (`SIGKILL`)', ({ kills }) => kills],
  ['faults of the store', ({ faults }) => faults],
  ['turns', ({ turns }) => turns],
  ['runs of turns that died in a round of tools', ({ inRounds }) => inRounds],
  ['of them, while a tool ran', ({ inTools }) => inTools],
  ['runs that went on with what others had stored', ({ goneOn }) => goneOn],
  ['turns that ended complete', ({ completed }) => completed],
  ['turns that another one settled', ({ settled }) => settled],
  ['runs of tools', ({ toolRuns }) => toolRuns],
  ['idempotent tools that ran again, because their result was unknown', ({ ranAgain }) => ranAgain],
  ['decisions about calls that wait', ({ decisions }) => decisions],
  ['runs that died while they decided, or went on after that', ({ diedDeciding }) => diedDeciding],
  ['calls of which the model was told that they may have taken effect', ({ unknown }) => unknown],
  ['steps acknowledged', ({ steps }) => steps],
  ['requests to the model, each checked', ({ requests }) => requests],
  ['tokens issued', ({ issued }) => issued],
  ['of them, counted', ({ counted }) => counted],
  ['**violations**', ({ violations }) => violations.length],
  ['minutes', ({ ms }) => minutes(ms)],
];

/** What happened in histories of kills, as a table. */
export function killTables(histories: readonly KillsHistory[]): string {
  return table(
    ['R60', ...histories.map(({ store }) => store)],
    COUNTS.map(([words, of]) => [words, ...histories.map(of)]),
  );
}
