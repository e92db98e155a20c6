/** Throws if a value is not the expected one. Both are plain data. */
export function check(is, expected) {
  const [got, wanted] = [JSON.stringify(is), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`expected ${wanted}, got ${got}`);
}

/** Runs cases. Resolves to what went wrong in each, or null, by its name. */
export async function resultsOf(cases) {
  const results = {};
  for (const [name, run] of Object.entries(cases)) {
    results[name] = await run().then(
      () => null,
      (error) => `${error}${error?.cause === undefined ? '' : ` (${error.cause})`}`,
    );
  }
  return results;
}
