/** Amounts are kept to this part of a dollar. It is less than any token costs, and more than the errors of floating-point arithmetic. */
const PARTS_PER_USD = 1e12;

/** An amount in US dollars without the errors of the arithmetic that made it. */
export function rounded(usd: number): number {
  return Math.round(usd * PARTS_PER_USD) / PARTS_PER_USD;
}
