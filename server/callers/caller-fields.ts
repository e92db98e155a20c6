import * as z from 'zod';

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
