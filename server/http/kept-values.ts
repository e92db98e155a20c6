import * as z from 'zod';
import type { ContextEntry } from '../../src/index.ts';
import { ToolLimits } from '../../middleware/tools.ts';
import { RequestCaller, RequestContext } from '../callers/caller.ts';
import type { Caller } from '../callers/caller.ts';
import { callerFields } from '../callers/caller-fields.ts';

/** The values that a server gives a turn, as plain data. They are kept in the log for a process that takes the turn over. */
const schema = z.object({
  caller: z.object(callerFields).optional(),
  context: z.record(z.string(), z.unknown()).optional(),
  limits: z
    .object({
      maxRounds: z.number().optional(),
      ownTools: z.boolean().optional(),
      approvals: z.enum(['wait', 'deny']).optional(),
    })
    .optional(),
});

const KEYS = { caller: RequestCaller, context: RequestContext, limits: ToolLimits };

/** The values of a turn as plain data. */
export function keptValues(values: Iterable<ContextEntry>): Record<string, unknown> {
  const given = new Map<unknown, unknown>([...values].map(([key, value]) => [key, value]));
  const kept = Object.entries(KEYS).map(([name, key]): [string, unknown] => [name, given.get(key)]);
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined));
}

/** The values of a turn from what was kept of them. Throws a `ZodError` if that is not what was kept. */
export function valuesOf(kept: unknown): ContextEntry[] {
  const { caller, context, limits } = schema.parse(kept ?? {});
  return [
    ...(caller === undefined ? [] : [RequestCaller.with(caller)]),
    ...(context === undefined ? [] : [RequestContext.with(context)]),
    ...(limits === undefined ? [] : [ToolLimits.with(limits)]),
  ];
}

/** Whose turn it is, from what was kept of its values; undefined if that is not known. */
export function keptCaller(kept: unknown): Caller | undefined {
  return schema.safeParse(kept ?? {}).data?.caller;
}
