import { SluiceError } from '../../../src/index.ts';
import type { Approve, CallState, PendingCall } from '../../../src/index.ts';
import { toolError } from './calls.ts';
import { checkOf } from './judge.ts';
import type { Tool } from '../tool.ts';
import { shownOf } from './waiting.ts';

/**
 * The input of a call that was approved, as it was shown to whoever approved it, or with the arguments of the decision. Throws `invalid_request` if the tool does not take
 * those, and `tool` if it does not take any more what it has taken before.
 */
export async function approvedInput(
  { call, edit }: Pick<CallState, 'call' | 'edit'>,
  pending: PendingCall,
  tool: Tool,
  decision: Approve,
): Promise<unknown> {
  if (decision.arguments !== undefined) {
    const checked = await checkOf(tool, decision.arguments);
    if ('value' in checked) return checked.value;
    throw new SluiceError(
      'invalid_request',
      `The arguments that the decision on the call ${pending.callId} of ${tool.name} gives are wrong: ${checked.problem}`,
    );
  }
  const shown = JSON.stringify(pending.arguments);
  // A call that was repaired runs with the arguments that were shown.
  for (const given of [edit === undefined ? call.arguments : edit.arguments, pending.arguments]) {
    const checked = await checkOf(tool, given);
    if ('value' in checked && JSON.stringify(shownOf(checked.value, given)) === shown) return checked.value;
  }
  throw toolError(
    `The schema of the tool ${tool.name} does not give the arguments any more that were shown for the call ${pending.callId}. Approve it with arguments, or deny it.`,
  );
}

/** What the model is told about a call that was run with other arguments than its own. */
export function noteOn({ edit }: Pick<CallState, 'edit'>): string | undefined {
  return edit === undefined
    ? undefined
    : `The call was approved with other arguments: ${JSON.stringify(edit.arguments)}`;
}
