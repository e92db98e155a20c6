import * as z from 'zod';
import type { Sums } from '../../src/index.ts';

// Sums are columns, so that the database adds them up and others can read them with SQL. Whether a usage or a cost was estimated or unknown is kept
// as a flag: of those counters it only matters whether they are 0.

const TOKENS = [
  ['input_tokens', 'inputTokens'],
  ['output_tokens', 'outputTokens'],
  ['total_tokens', 'totalTokens'],
  ['cached_input_tokens', 'cachedInputTokens'],
  ['cache_write_tokens', 'cacheWriteTokens'],
  ['reasoning_tokens', 'reasoningTokens'],
] as const;

const MONEY = [
  ['total_usd', 'totalUsd'],
  ['input_usd', 'inputUsd'],
  ['output_usd', 'outputUsd'],
  ['cache_read_usd', 'cacheReadUsd'],
  ['cache_write_usd', 'cacheWriteUsd'],
] as const;

const tokens = TOKENS.map(([column]) => column);
const money = MONEY.map(([column]) => column);

/** The names of the columns. */
export const sumColumns: readonly string[] = ['turns', ...tokens, 'usage_estimated', 'cost_status', ...money];

/** What a write adds, read from the parameter that {@link sumsParameter} makes. */
export function addedSums(parameter: string): string {
  const columns = [
    'turns bigint',
    ...tokens.map((column) => `${column} double precision`),
    'usage_estimated boolean',
    'cost_status text',
    ...money.map((column) => `${column} double precision`),
  ];
  return `jsonb_to_record(${parameter}::jsonb) AS record(${columns.join(', ')})`;
}

/** Assigns to each column the sum of a row's and another's. Money that is not known is NULL. */
export function addition(row: string, other: string): string {
  const statuses = `(${row}.cost_status, ${other}.cost_status)`;
  return [
    ...['turns', ...tokens].map((column) => `${column} = ${row}.${column} + ${other}.${column}`),
    `usage_estimated = ${row}.usage_estimated OR ${other}.usage_estimated`,
    `cost_status = CASE WHEN 'unknown' IN ${statuses} THEN 'unknown'
      WHEN 'estimated' IN ${statuses} THEN 'estimated' ELSE 'exact' END`,
    ...money.map((column) => {
      const [mine, others] = [`${row}.${column}`, `${other}.${column}`];
      return `${column} = CASE WHEN 'unknown' NOT IN ${statuses} THEN coalesce(${mine} + ${others}, ${mine}, ${others}) END`;
    }),
  ].join(',\n    ');
}

/** The sums that {@link sumsJson} has, in its order. */
const NAMES = [
  'turns',
  ...[...TOKENS, ...MONEY].map(([, name]) => name),
  'estimatedUsages',
  'estimatedCosts',
  'unknownCosts',
];

/** A row's sums as JSON: a list without names, which takes less to make and to read. */
export function sumsJson(row: string): string {
  const columns = ['turns', ...tokens, ...money].map((column) => `${row}.${column}`);
  return `json_build_array(${columns.join(', ')}, CASE WHEN ${row}.usage_estimated THEN 1 END,
    CASE WHEN ${row}.cost_status = 'estimated' THEN 1 END, CASE WHEN ${row}.cost_status = 'unknown' THEN 1 END)`;
}

/** Reads what {@link sumsJson} made. */
export const sumsSchema = z
  .array(z.number().nullable())
  .length(NAMES.length)
  .transform((values): Sums => {
    const sums: Record<string, number> = {};
    for (const [at, name] of NAMES.entries()) {
      const value = values[at] ?? null;
      if (value !== null) sums[name] = value;
    }
    return sums;
  });

/** What a write adds, as one parameter. */
export function sumsParameter(sums: Sums): string {
  const { turns = 0, estimatedUsages = 0, estimatedCosts = 0, unknownCosts = 0 } = sums;
  const status = unknownCosts > 0 ? 'unknown' : estimatedCosts > 0 ? 'estimated' : 'exact';
  return JSON.stringify({
    turns,
    ...Object.fromEntries(TOKENS.map(([column, name]) => [column, sums[name] ?? 0])),
    usage_estimated: estimatedUsages > 0,
    cost_status: status,
    ...(status !== 'unknown' &&
      Object.fromEntries(MONEY.map(([column, name]) => [column, sums[name] ?? initial(column)]))),
  });
}

/** The total is known from the first turn on. */
function initial(column: string): number | null {
  return column === 'total_usd' ? 0 : null;
}
