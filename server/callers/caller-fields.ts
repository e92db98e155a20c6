import * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import { kindOf } from '../../src/kit/index.ts';
import type { Caller } from './caller.ts';

const limit = z.number().optional();

/** The fields of a caller as JSON has them: in a ticket, and with a turn that another process may take over. */
export const callerFields = {
  id: z.string(),
  organizations: z.array(z.string()).optional(),
  limits: z
    .object({
      requestsPerMinute: limit,
      concurrentStreams: limit,
      tokensPerMinute: limit,
      usdPerDay: limit,
      unknownCost: z.enum(['allow', 'refuse']).optional(),
    })
    .optional(),
};

/** `Infinity` is no limit. */
const amount = z
  .custom<number>((value) => typeof value === 'number' && value >= 0, 'give a number of at least 0')
  .optional();

const schema = z.object({
  id: z.string().min(1),
  organizations: z.array(z.string()).optional(),
  limits: z
    .object({
      requestsPerMinute: amount,
      concurrentStreams: amount,
      tokensPerMinute: amount,
      usdPerDay: amount,
      unknownCost: z.enum(['allow', 'refuse']).optional(),
    })
    .optional(),
});

/** Throws `invalid_options` if a value is not a caller. `what`: who gave it. Without an id, all such callers would own the same sessions. */
export function checkCaller(what: string, value: unknown): asserts value is Caller {
  const { error } = schema.safeParse(value);
  if (error === undefined) return;
  const path = error.issues[0]?.path.map(String).join('.') ?? '';
  const problem = path === '' ? `gave ${kindOf(value)}` : `gave a caller whose ${path} is wrong`;
  throw new SluiceError('invalid_options', `${what} ${problem}: give { id, organizations?, limits? }.`);
}
