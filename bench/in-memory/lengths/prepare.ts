/**
 * Prepares some answers of a length, which is not measured. Returns a function that reads them one after the other, and throws if one of them
 * is not whole.
 */
export type Prepare = (length: number, times: number) => Promise<() => Promise<void>>;

/** Does some work several times. */
export async function repeated(times: number, work: () => Promise<void>): Promise<void> {
  for (let time = 0; time < times; time++) await work();
}

/** Throws if an answer is not whole. */
export function expectLength(found: number, length: number): void {
  if (found !== length) throw new Error(`Got ${found} characters, not ${length}.`);
}
