/** The seed of a property: the one in `SLUICE_SEED`, or a new one. It is printed, so that a run can be repeated. */
export function seedOf(what: string): number {
  const given = process.env['SLUICE_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  console.log(`${what}: SLUICE_SEED=${seed}`);
  return seed;
}
