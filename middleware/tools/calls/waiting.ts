import { SluiceError } from '../../../src/index.ts';
import type { ExecutionContext, PendingCall, ToolCallPart } from '../../../src/index.ts';
import type { ApprovalRequest } from '../approval.ts';
import { ToolLimits } from '../limits.ts';
import type { ToolSet } from '../loop/asking.ts';
import { plainCopy } from '../result.ts';
import type { Tool } from '../tool.ts';
import { CANCELLED } from '../values.ts';

/** A call whose arguments are checked. */
export interface CheckedCall {
  readonly call: ToolCallPart;
  readonly tool: Tool;
  readonly input: unknown;
}

/** A call that its client runs. */
export function clientCall(checked: CheckedCall): PendingCall {
  return pendingCall(checked, 'client');
}

/** A call that somebody has to approve. `time`: now, by the clock of the store. */
export function approvalCall(checked: CheckedCall, request: ApprovalRequest, time: number): PendingCall {
  const { reason, metadata, expiresInMs } = request;
  return {
    ...pendingCall(checked, 'approval'),
    ...(reason !== undefined && { reason }),
    ...(metadata !== undefined && { metadata }),
    ...(expiresInMs !== undefined && { expiresAt: Math.round(time + expiresInMs) }),
  };
}

/** A call that had begun, and of which somebody has to say what becomes of it. */
export function unknownCall(checked: CheckedCall, reason = CANCELLED): PendingCall {
  return { ...pendingCall(checked, 'unknown'), reason };
}

function pendingCall({ call, tool, input }: CheckedCall, waitsFor: PendingCall['waitsFor']): PendingCall {
  const { fingerprint, name } = tool;
  return { callId: call.id, name, arguments: shownOf(input, call.arguments), waitsFor, fingerprint };
}

/** The checked arguments, which have the defaults of the schema; those of the model if the schema made something of them that is not plain data. */
export function shownOf(input: unknown, given: unknown): unknown {
  try {
    return plainCopy(input);
  } catch {
    return given;
  }
}

/** Throws `invalid_options` if a call cannot wait here, because nobody could decide on it. */
export function checkCanWait(
  waits: readonly PendingCall[],
  isDurable: boolean,
  { session }: ExecutionContext,
): void {
  if (isDurable || waits.length === 0) return;
  // Without a session the caller has the calls of a client, and nothing else can be decided.
  if (session === undefined && waits.every(({ waitsFor }) => waitsFor === 'client')) return;
  const names = [...new Set(waits.map(({ name }) => name))].join(', ');
  throw new SluiceError(
    'invalid_options',
    `tools(): calls of ${names} cannot wait in a run of the loop whose steps are not stored. Put the layer that runs the loop with other messages below tools().`,
  );
}

/** Throws `invalid_options` if the steps of the loop are not stored and have to be: in a session, and where calls have to be approved. Before the model is asked. */
export function checkStored(context: ExecutionContext, set: ToolSet): void {
  const { byName } = set;
  const { ownTools = true, approvals = 'wait' } = context.get(ToolLimits) ?? {};
  const asksApproval = set.asksApproval && ownTools && approvals === 'wait';
  if (context.session === undefined && !asksApproval) return;
  const { isDurable, path } = context.steps;
  if (isDurable || (path !== undefined && !asksApproval)) return;
  if (context.session !== undefined && path === undefined)
    throw new SluiceError(
      'invalid_options',
      'tools(): the store of the session has no record() and steps(), so that a turn with tools could not go on after a crash. Make it with defineStore().',
    );
  const names = [...byName.values()].filter(({ needsApproval }) => needsApproval !== undefined);
  throw new SluiceError(
    'invalid_options',
    `tools(): needsApproval of ${names.map(({ name }) => name).join(', ')} works in a session only, whose store keeps what waits: call executeWithContext().`,
  );
}
