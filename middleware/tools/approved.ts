import { SluiceError } from '../../src/index.ts';
import type { Decision, PendingCall, ToolCallPart } from '../../src/index.ts';
import { toolError } from './calls.ts';
import { checkOf } from './judge.ts';
import type { Tool } from './tool.ts';
import { shownOf } from './waiting.ts';

/** A decision that lets a call run. */
export type Approve = Extract<Decision, { approve: true }>;

/**
 * The input of a call that was approved, as it was shown to whoever approved it, or with the arguments of the decision. Throws `invalid_request` if the tool does not take
 * those, and `tool` if it does not take any more what it has taken before.
 */
export async function approvedInput(
  pending: PendingCall,
  call: ToolCallPart,
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
  // A call that was repaired runs with the arguments that were shown.
  const shown = JSON.stringify(pending.arguments);
  for (const given of [call.arguments, pending.arguments]) {
    const checked = await checkOf(tool, given);
    if ('value' in checked && JSON.stringify(shownOf(checked.value, given)) === shown) return checked.value;
  }
  throw toolError(
    `The schema of the tool ${tool.name} does not give the arguments any more that were shown for the call ${pending.callId}. Approve it with arguments, or deny it.`,
  );
}

/** What the model is told about a call that was run with other arguments than its own. */
export function noteOn({ arguments: given }: Approve): string | undefined {
  return given === undefined
    ? undefined
    : `The call was approved with other arguments: ${JSON.stringify(given)}`;
}
