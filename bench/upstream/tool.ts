/** The tool that every contestant of a tool turn has, and what it is asked and answers. */
export const TOOL = {
  name: 'weather',
  description: 'The weather of a city',
  city: 'Oslo',
  /** What it returns, which must be in the second request. */
  result: 'It is 21 degrees in Oslo.',
} as const;

/** The arguments of the call as they are streamed. */
export const ARGUMENTS = ['{"', 'city', '":"', 'Os', 'lo', '"}'] as const;

/** The tool itself. Throws if it is given anything else than was asked, so that the turn fails. */
export function weatherIn(city: unknown): string {
  if (city !== TOOL.city) throw new Error(`The tool was asked about ${JSON.stringify(city)}.`);
  return TOOL.result;
}
