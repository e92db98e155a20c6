import { addTurn, noSpend } from '../../src/index.ts';
import type { TurnEnd } from '../../src/index.ts';

// Sums are columns, so that the database adds them up and others can read them with SQL: usage by the rule of `sumUsage`, money by that of
// `sumCost`.

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

/** The columns of a sum. */
export const spendColumns = ['turns', ...tokens, 'usage_estimated', 'cost_status', ...money];

/** How a table has them: nothing spent, exactly. A price that is not known is NULL. */
export const spendDefinitions = [
  'turns bigint NOT NULL DEFAULT 0',
  ...tokens.map((column) => `${column} double precision NOT NULL DEFAULT 0`),
  'usage_estimated boolean NOT NULL DEFAULT false',
  `cost_status text NOT NULL DEFAULT 'exact'`,
  ...money.map((column) => `${column} double precision${column === 'total_usd' ? ' DEFAULT 0' : ''}`),
].join(',\n  ');

/** What a turn has spent, read from the parameter that {@link spendParameter} makes. */
export function spendRecord(parameter: string): string {
  const columns = [
    'turns bigint',
    ...tokens.map((column) => `${column} double precision`),
    'usage_estimated boolean',
    'cost_status text',
    ...money.map((column) => `${column} double precision`),
  ];
  return `jsonb_to_record(${parameter}::jsonb) AS record(${columns.join(', ')})`;
}

/** Assigns to each column the sum of a row's and another's. */
export function spendSum(row: string, other: string): string {
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

/** A row's sum as the text that `decodeSpend` reads. */
export function spendJson(row: string): string {
  const fields = (pairs: readonly (readonly [string, string])[]): string =>
    pairs.map(([column, field]) => `'${field}', ${row}.${column}`).join(', ');
  return `json_strip_nulls(json_build_object('v', 1, 'turns', ${row}.turns,
    'usage', json_build_object(${fields(TOKENS)}, 'estimated', nullif(${row}.usage_estimated, false)),
    'cost', json_build_object('status', ${row}.cost_status, ${fields(MONEY)})))::text`;
}

/** What a turn has spent, as one parameter. */
export function spendParameter(end: TurnEnd): string {
  const { usage, cost, turns } = addTurn(noSpend(), end);
  return JSON.stringify({
    turns,
    ...Object.fromEntries(TOKENS.map(([column, field]) => [column, usage[field]])),
    usage_estimated: usage.estimated === true,
    cost_status: cost.status,
    ...Object.fromEntries(MONEY.map(([column, field]) => [column, cost[field]])),
  });
}
