import { SUM_NAMES } from '../../src/index.ts';
import type { SumName, Sums } from '../../src/index.ts';

// Sums are columns, so that the database adds them up and others can read them with SQL. `usage_estimated` and `cost_status` are generated from
// the counts.

/** The column of a counter, such as `input_tokens`. */
function columnOf(name: SumName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const COLUMNS = SUM_NAMES.map((name) => ({ name, column: columnOf(name), isMoney: name.endsWith('Usd') }));

/** The names of the columns. */
export const sumColumns = COLUMNS.map(({ column }) => column);

/** What a write adds, read from the parameter that {@link sumsParameter} makes. A counter that it does not have is NULL. */
export function addedSums(parameter: string): string {
  const columns = COLUMNS.map(({ column }) => `${column} double precision`);
  return `jsonb_to_record(${parameter}::jsonb) AS record(${columns.join(', ')})`;
}

/** Adds to each column of a row what a write adds. Money that is not known is NULL, and adds nothing. */
export function addition(row: string, added: string): string {
  return COLUMNS.map(({ column, isMoney }) => {
    const [mine, more] = [`${row}.${column}`, `${added}.${column}`];
    return isMoney
      ? `${column} = coalesce(${mine} + ${more}, ${mine}, ${more})`
      : `${column} = ${mine} + coalesce(${more}, 0)`;
  }).join(',\n    ');
}

/** What a write adds as the columns of a new row. */
export function firstSums(added: string): string {
  return COLUMNS.map(({ column, isMoney }) =>
    isMoney && column !== 'total_usd' ? `${added}.${column}` : `coalesce(${added}.${column}, 0)`,
  ).join(', ');
}

/** A row's sums as JSON text. */
export function sumsJson(row: string): string {
  const fields = COLUMNS.map(({ name, column }) => `'${name}', ${row}.${column}`);
  return `json_strip_nulls(json_build_object(${fields.join(', ')}))::text`;
}

/** What a write adds, as one parameter. */
export function sumsParameter(sums: Sums): string {
  const known = COLUMNS.filter(({ name }) => sums[name] !== undefined);
  return JSON.stringify(Object.fromEntries(known.map(({ name, column }) => [column, sums[name]])));
}
