import { kindOf } from './errors.ts';
import type { Cost, Usage } from './usage.ts';
import { MONEY, TOKENS, noUsage } from './usage.ts';

/** A usage after the check. */
export interface CheckedUsage {
  usage: Usage;
  /** Fields that were no counts, and what was found there. Empty if all were. */
  wrong: string[];
  /** Whether the tokens of the input or the output are not known. They are 0 then, until somebody estimates them. */
  inputMissing: boolean;
  outputMissing: boolean;
}

/**
 * Checks a usage where it enters. A count is an integer of 0 or more. Undefined for a value that is not an object. What is wrong or contradicts
 * the rest makes the usage `estimated`: a part that is larger than its whole stands beside it, and a total that is larger than its parts
 * is believed. A usage without a fault is returned as it is.
 */
export function checkedUsage(given: unknown): CheckedUsage | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const wrong = TOKENS.flatMap((name) => {
    const value: unknown = Reflect.get(given, name);
    return isCount(value) ? [] : [`${name} is ${kindOfNumber(value)}`];
  });
  if (wrong.length === 0 && isUsage(given)) {
    const usage = consistent(given);
    return { usage, wrong: usage === given ? [] : ['the counts contradict each other'], ...known };
  }
  const usage = noUsage();
  for (const name of TOKENS) {
    const value: unknown = Reflect.get(given, name);
    if (isCount(value)) usage[name] = value;
  }
  const inputMissing = !isCount(Reflect.get(given, 'inputTokens'));
  const outputMissing = !isCount(Reflect.get(given, 'outputTokens'));
  const raw: unknown = Reflect.get(given, 'raw');
  if (raw !== undefined) usage.raw = raw;
  return { usage: { ...consistent(usage), estimated: true }, wrong, inputMissing, outputMissing };
}

const known = { inputMissing: false, outputMissing: false };

/** The usage, changed if its counts contradict each other. */
function consistent(usage: Usage): Usage {
  const { inputTokens, outputTokens, totalTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } =
    usage;
  const cached = cachedInputTokens + cacheWriteTokens;
  const input = cached > inputTokens ? inputTokens + cached : inputTokens;
  const inner = reasoningTokens > outputTokens ? outputTokens + reasoningTokens : outputTokens;
  const output = Math.max(inner, totalTokens - input);
  if (input === inputTokens && output === outputTokens && totalTokens === input + output) return usage;
  return {
    ...usage,
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output,
    estimated: true,
  };
}

const STATUSES: ReadonlySet<unknown> = new Set(['exact', 'estimated', 'unknown']);

/** A cost after the check: `unknown` if its status is not one of the three, if an amount is not a number of 0 or more, or if the total is missing. */
export function checkedCost(given: Cost): { cost: Cost; wrong?: string } {
  const status: unknown = typeof given === 'object' ? given.status : given;
  if (!STATUSES.has(status)) return { cost: { status: 'unknown' }, wrong: `status is ${kindOf(status)}` };
  const amounts = MONEY.filter(
    (name) => given[name] !== undefined || (name === 'totalUsd' && status !== 'unknown'),
  );
  const bad = amounts.find((name) => !isAmount(given[name]));
  if (bad !== undefined)
    return { cost: { status: 'unknown' }, wrong: `${bad} is ${kindOfNumber(given[bad])}` };
  return { cost: given };
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}

function isUsage(value: object): value is Usage {
  return TOKENS.every((name) => isCount(Reflect.get(value, name)));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The kind of a value; of a number what is wrong with it. */
function kindOfNumber(value: unknown): string {
  if (typeof value !== 'number') return kindOf(value);
  if (Number.isNaN(value)) return 'NaN';
  if (value < 0) return 'less than 0';
  return Number.isFinite(value) ? 'not a whole number' : 'not finite';
}
