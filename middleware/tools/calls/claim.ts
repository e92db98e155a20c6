import { SluiceError } from '../../../src/index.ts';
import type {
  Approve,
  CallState,
  ClaimableDecisions,
  Decision,
  DecisionStep,
  PendingCall,
  ResultStep,
  Step,
} from '../../../src/index.ts';
import { approvedInput } from './approved.ts';
import type { ToolSet } from '../loop/asking.ts';
import { toolError } from './calls.ts';
import { CallTools } from './call-tools.ts';
import { checkOf } from './judge.ts';
import type { ToolsSettings } from '../options.ts';
import type { LoopRecord } from '../loop/record.ts';
import { errorResult, normalResult } from '../result.ts';
import type { NormalResult } from '../result.ts';
import type { Tool } from '../tool.ts';
import { CANCELLED } from '../values.ts';

/** Decisions that were checked, as steps. */
export interface Claim {
  readonly steps: readonly Step[];
  /** The decision that can be made for the shortest time. */
  readonly expires: PendingCall | undefined;
}

type GivenResult = Extract<Decision, { result: unknown }>;
type PathedStep = Step & (DecisionStep | ResultStep);

/** Checks decisions, also those on calls inside agents. Nothing is stored or run here. Throws `invalid_request` for what cannot be done, and `tool` if a tool is gone or has changed. */
export async function claimOf(
  decisions: ClaimableDecisions,
  set: ToolSet,
  record: LoopRecord,
): Promise<Claim> {
  const { on, by, message } = decisions;
  const pending = new Map(record.ledger.pending.map((call) => [call.callId, call]));
  const tools = new CallTools(set.byName, record.list);
  const steps: Step[] = [];
  let expires: PendingCall | undefined;
  for (const [callId, decision] of Object.entries(on)) {
    const call = pending.get(callId);
    if (call === undefined) throw refused(callId, 'does not wait');
    steps.push(...(await stepsFor(call, decision, by, tools, set.settings)));
    if (isSooner(call, expires)) expires = call;
  }
  if (message !== undefined) steps.push({ kind: 'message', message });
  return { steps, expires };
}

/** The error of decisions that came too late. */
export function expiredError({ callId, name }: PendingCall): SluiceError {
  return refused(callId, `of ${name} could be decided on until its expiresAt, and that is over`);
}

async function stepsFor(
  pending: PendingCall,
  decision: Decision,
  by: string,
  tools: CallTools,
  settings: ToolsSettings,
): Promise<PathedStep[]> {
  const { callId, path } = pending;
  const at = path === undefined ? {} : { path };
  const decided = { ...at, kind: 'decision' as const, callId, by };
  if ('deny' in decision) {
    const result = { ...at, ...deniedResult(pending, decision.deny, settings.maxResultCharacters) };
    return [{ ...decided, decision }, result];
  }
  const tool = tools.toolOf(pending);
  if ('result' in decision) {
    const { content, isError } = await givenResult(pending, decision, tool, settings);
    return [
      { ...decided, decision: { result: content, isError } },
      { ...at, kind: 'result', callId, content, isError, outcome: isError ? 'failed' : 'done' },
    ];
  }
  await checkApproval(pending, decision, tool, tools.stateOf(pending));
  return [{ ...decided, decision }];
}

async function checkApproval(
  pending: PendingCall,
  decision: Approve,
  tool: Tool,
  state: CallState | undefined,
): Promise<void> {
  const { callId, waitsFor } = pending;
  if (state === undefined) throw refused(callId, 'is not in the record of its turn');
  if (waitsFor === 'client') throw refused(callId, 'is run by the client: give its { result }, or deny it');
  if (waitsFor === 'unknown' && decision.arguments !== undefined)
    throw refused(
      callId,
      'has begun with its own arguments: approve it without any to run it again, or give its { result }',
    );
  await approvedInput(state, pending, tool, decision);
}

/** The result of a call as somebody else gives it, in its normal form. */
async function givenResult(
  { callId, waitsFor }: PendingCall,
  { result, isError = false }: GivenResult,
  tool: Tool,
  settings: ToolsSettings,
): Promise<NormalResult> {
  if (waitsFor === 'approval') throw refused(callId, 'waits for an approval: approve it, or deny it');
  let value = result;
  if (!isError && tool.checkResult !== undefined) {
    const checked = await checkOf({ check: tool.checkResult }, result);
    if ('problem' in checked)
      throw refused(
        callId,
        `got a result that does not match the output of ${tool.name}: ${checked.problem}`,
      );
    ({ value } = checked);
  }
  const normal = normalResult(value, settings.maxResultCharacters);
  if (normal.isError) throw toolError(`The result given for the call ${callId} cannot be sent.`);
  return { ...normal, isError };
}

/** A call that somebody has decided against. The model has done nothing wrong, so it is not an error. */
export function deniedResult(
  { callId, waitsFor }: Pick<PendingCall, 'callId' | 'waitsFor'>,
  why: string,
  maxCharacters: number,
): ResultStep {
  const said =
    waitsFor === 'unknown'
      ? `${CANCELLED} It is not run again.`
      : 'The call was denied, and the tool was not run.';
  const { content } = errorResult([said, why].filter(Boolean).join(' '), maxCharacters);
  const outcome = waitsFor === 'unknown' ? 'unknown' : 'denied';
  return { kind: 'result', callId, content, isError: outcome === 'unknown', outcome };
}

function isSooner({ expiresAt }: PendingCall, other: PendingCall | undefined): boolean {
  return expiresAt !== undefined && expiresAt < (other?.expiresAt ?? Number.POSITIVE_INFINITY);
}

function refused(callId: string, why: string): SluiceError {
  return new SluiceError('invalid_request', `The call ${callId} ${why}.`);
}
