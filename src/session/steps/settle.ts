import { sumOfSteps } from '../../execution/turn-record.ts';
import { noUsage } from '../../usage.ts';
import type { TurnLease } from '../turn-lease.ts';
import type { TurnRequest } from '../turn-request.ts';
import { DECIDED, remembered } from '../past-decisions.ts';
import { checkNoResults } from '../turn-decisions.ts';
import { settledMessages } from './settled-messages.ts';

/** Why the end of a settled turn is an interruption. */
const ABANDONED = 'abandoned';

/** What an append adds to the sums if the steps have added everything. */
export const NOTHING = { usage: noUsage(), cost: { status: 'exact', totalUsd: 0 } } as const;

/**
 * Makes messages of an open turn, because another turn begins behind it: it had died, was cut, or waited for a decision. Each call gets one
 * result, which says what is known of it. The turn never runs again.
 *
 * Throws `invalid_request` if the other turn brings results of its calls as messages.
 */
export async function settle(
  request: TurnRequest,
  lease: TurnLease,
  open: { turnId: string; replyId: string; version: number; metadata: Readonly<Record<string, unknown>> },
): Promise<void> {
  const { turnId, replyId, version, metadata } = open;
  const { store, key } = request;
  const steps = await store.steps(key, turnId);
  checkNoResults(request, steps);
  const { usage, cost } = sumOfSteps(steps, lease.timed.token);
  const waited = remembered(metadata, turnId, steps);
  await store.append(
    key,
    settledMessages(steps).map((message) => ({ message })),
    {
      ...{ expectedVersion: version, turnId: replyId, lease: lease.timed, closes: turnId, spent: NOTHING },
      ...(waited !== undefined && { metadata: { [DECIDED]: waited } }),
      end: { outcome: 'interrupted', reason: ABANDONED, usage, cost, leaseToken: lease.timed.token },
    },
  );
}
