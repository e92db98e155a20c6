import * as z from 'zod';

const mutantSchema = z.object({
  location: z.object({ start: z.object({ line: z.number(), column: z.number() }) }),
  mutatorName: z.string(),
  replacement: z.string(),
  /** What the test said that failed. */
  statusReason: z.string().optional(),
  status: z.enum([
    'Killed',
    'Timeout',
    'RuntimeError',
    'Survived',
    'NoCoverage',
    'CompileError',
    'Ignored',
    'Pending',
  ]),
});
const reportSchema = z.object({
  files: z.record(z.string(), z.object({ mutants: z.array(mutantSchema) })),
});

/** What the report says about a mutant. The file is relative to the repository. */
interface Tried extends z.infer<typeof mutantSchema> {
  fileName: string;
}

/** The mutants in a report that Stryker wrote as JSON. */
export function mutantsOf(json: string): Tried[] {
  const { files } = reportSchema.parse(JSON.parse(json));
  return Object.entries(files).flatMap(([fileName, { mutants }]) =>
    mutants.map((mutant) => ({ ...mutant, fileName })),
  );
}

/**
 * The survivors, one a line, and the score: the share of the mutants that were tried and killed. A mutant that takes too long counts as killed,
 * as one that never ends does. Those are listed, too: on a busy machine it may be the tests that are slow.
 */
export function reportOf(mutants: readonly Tried[]): string {
  const of = (...statuses: Tried['status'][]): Tried[] =>
    mutants.filter(({ status }) => statuses.includes(status));
  const killed = of('Killed', 'Timeout', 'RuntimeError');
  const late = killed.filter(isLate);
  const survivors = of('Survived');
  const unreached = of('NoCoverage');
  const tried = killed.length + survivors.length + unreached.length;
  const score = tried === 0 ? 0 : killed.length / tried;
  return [
    ...late.map((mutant) => `took too long: ${lineOf(mutant)}`),
    ...unreached.map((mutant) => `no test: ${lineOf(mutant)}`),
    ...survivors.map((mutant) => `survived: ${lineOf(mutant)}`),
    `score ${(100 * score).toFixed(1)} %: of ${tried + of('CompileError').length} mutants ${tried} were tried: ` +
      `${killed.length} killed (${late.length} took too long), ${survivors.length} survived, ${unreached.length} reached by no test`,
  ].join('\n');
}

function isLate({ status, statusReason }: Tried): boolean {
  return status === 'Timeout' || statusReason?.includes('timed out in') === true;
}

function lineOf({ fileName, location, mutatorName, replacement }: Tried): string {
  const { line, column } = location.start;
  const change = replacement.replaceAll(/\s+/g, ' ').slice(0, 100);
  return `${fileName}:${line}:${column} ${mutatorName}: ${change}`;
}
