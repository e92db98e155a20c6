import { setTimeout as delay } from 'node:timers/promises';

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

/** How long the tool takes, in milliseconds. 0: it answers at once. */
const toolMs = Number(process.env.SLUICE_BENCH_TOOL_MS ?? 0);

/** The tool itself. Throws if it is given anything else than was asked, so that the turn fails. */
export function weatherIn(city: unknown): string | Promise<string> {
  if (city !== TOOL.city) throw new Error(`The tool was asked about ${JSON.stringify(city)}.`);
  return toolMs > 0 ? delay(toolMs, TOOL.result) : TOOL.result;
}
