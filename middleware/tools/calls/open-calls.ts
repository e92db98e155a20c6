import { SluiceError } from '../../../src/index.ts';
import { textOfResult } from '../../../src/kit/index.ts';
import type {
  CallState,
  ExecutionContext,
  Ledger,
  PendingCall,
  ResultStep,
  RoundState,
  Step,
  ToolCallPart,
} from '../../../src/index.ts';
import { approvedInput, noteOn } from './approved.ts';
import type { ToolSet } from '../loop/asking.ts';
import type { ReadyCall } from './calls.ts';
import { CallTools } from './call-tools.ts';
import { claimOf, deniedResult } from './claim.ts';
import type { Claim } from './claim.ts';
import { CUT } from './decide.ts';
import type { Decided } from './decide.ts';
import { judge } from './judge.ts';
import type { Offered } from './judge.ts';
import type { ToolsSettings } from '../options.ts';
import type { LoopRecord } from '../loop/record.ts';
import { errorResult, normalResult } from '../result.ts';
import { takeStarts } from './schedule.ts';
import { CANCELLED } from '../values.ts';
import { checkCanWait, clientCall, unknownCall } from './waiting.ts';

/** What becomes of a call without a result. */
type Fate = { ready: ReadyCall } | { result: ResultStep } | { waits: PendingCall } | 'callers';

/** Where the calls of a recorded round are looked at. */
interface Place {
  readonly context: ExecutionContext;
  readonly set: ToolSet;
  readonly record: LoopRecord;
  readonly ledger: Ledger;
  /** The calls that wait, by their ids. */
  readonly pending: ReadonlyMap<string, PendingCall>;
  readonly tools: CallTools;
  readonly offered: Offered;
  /** What the tools of the calls were when they were recorded. */
  readonly fingerprints: Readonly<Record<string, string>>;
}

/**
 * Decides on the calls of the last recorded round that have no result: those that wait go on to wait, unless somebody has decided on them; those that were queued run; and those that had
 * begun may have taken effect. Undefined if there is no round.
 */
export async function openCalls(
  context: ExecutionContext,
  set: ToolSet,
  record: LoopRecord,
  offeredIn: (round: RoundState) => Offered,
): Promise<Decided | undefined> {
  const { decisions } = context.steps;
  const claim = decisions === undefined ? undefined : await claimOf(decisions, set, record);
  const ledger = claim === undefined ? record.ledger : record.ledgerWith(claim.steps);
  const round = ledger.rounds.at(-1);
  if (round === undefined) return undefined;
  const place: Place = {
    ...{ context, set, record, ledger, offered: offeredIn(round) },
    pending: new Map(ledger.pending.map((call) => [call.callId, call])),
    tools: new CallTools(set.byName, record.list),
    fingerprints: round.reply.fingerprints ?? {},
  };
  const open = round.calls.filter(({ result }) => result === undefined);
  const fates = await Promise.all(open.map((state) => fateOf(state, place)));
  return decidedBy(fates, round, claim, place);
}

function decidedBy(
  fates: readonly Fate[],
  { reply, calls }: RoundState,
  claim: Claim | undefined,
  { context, set: { settings }, record }: Place,
): Decided {
  const results: Step[] = [];
  const queue: ReadyCall[] = [];
  const waits: PendingCall[] = [];
  for (const fate of fates) {
    if (fate === 'callers') continue;
    if ('ready' in fate) queue.push(fate.ready);
    else if ('waits' in fate) waits.push(fate.waits);
    else results.push(fate.result);
  }
  checkCanWait(waits, record.isDurable, context);
  const starts = takeStarts(queue, [], settings.maxParallel);
  const begun = new Set(calls.filter(({ started }) => started).map(({ call }) => call.id));
  // Also of those that begin again: without a write, a run whose session was taken would not know that. An agent writes before anything inside it runs.
  const started = starts
    .filter(({ call, tool }) => tool.inner === undefined || !begun.has(call.id))
    .map(({ call }): Step => ({ kind: 'started', callId: call.id }));
  const ends = fates.includes('callers') || CUT[reply.reply.finishReason] !== undefined;
  return {
    steps: [...(claim?.steps ?? []), ...results, ...started],
    expires: claim?.expires,
    starts,
    queue,
    waits,
    then: ends ? 'end' : 'ask',
  };
}

async function fateOf(state: CallState, place: Place): Promise<Fate> {
  const { call, decision, waited } = state;
  const { settings } = place.set;
  const pending = place.pending.get(call.id);
  if (pending !== undefined) return { waits: pending };
  if (decision === undefined || waited === undefined) return fateOfUndecided(state, place);
  if ('deny' in decision)
    return { result: deniedResult(waited, decision.deny, settings.maxResultCharacters) };
  if ('result' in decision) {
    const said = normalResult(decision.result, settings.maxResultCharacters);
    const isError = decision.isError ?? said.isError;
    return { result: { kind: 'result', callId: call.id, content: said.content, isError, outcome: 'done' } };
  }
  // It is a call of this loop, whose tools these are.
  const tool = place.tools.toolOf({ ...waited, path: undefined });
  const { run } = tool;
  if (run === undefined) return { waits: waited };
  const input = await approvedInput(state, waited, tool, decision);
  const by = place.ledger.decided.get(call.id) ?? '';
  const { reason, metadata } = decision;
  const approval = {
    by,
    ...(reason !== undefined && { reason }),
    ...(metadata !== undefined && { metadata }),
  };
  const ready: ReadyCall = { call, tool, run, input, approval, note: noteOn(state) };
  return state.started ? fateOfBegun(ready, place) : { ready };
}

async function fateOfUndecided({ call, started }: CallState, place: Place): Promise<Fate> {
  const judgment = await judge(call, place.offered, place.set.settings);
  if (judgment === 'callers') return 'callers';
  // The call could run when it was recorded, so the tool is another one now.
  if ('result' in judgment) throw goneError(call, textOfResult(judgment.result.content));
  const { tool, input } = judgment;
  const { [call.id]: fingerprint = tool.fingerprint } = place.fingerprints;
  if (fingerprint !== tool.fingerprint) throw goneError(call, 'Its schema or its version is another one.');
  const { run } = tool;
  if (run === undefined) return { waits: clientCall({ call, tool, input }) };
  const ready: ReadyCall = { call, tool, run, input };
  return started ? fateOfBegun(ready, place) : { ready };
}

/** An agent is entered again: its own record says what it has done. */
function fateOfBegun(ready: ReadyCall, { set: { settings }, record }: Place): Fate {
  const { tool, call } = ready;
  if (tool.inner !== undefined || tool.onUnknownOutcome === 'retry') return { ready };
  if (tool.onUnknownOutcome === 'ask' && record.isDurable) return { waits: unknownCall(ready) };
  return { result: unknownResult(call.id, settings) };
}

function goneError({ name, id }: ToolCallPart, why: string): SluiceError {
  return new SluiceError(
    'tool',
    `The tool ${name} is gone or has changed since it was called, and the call ${id} has no result. ${why} Send the turn again with the tool as it was, or send another message.`,
    { retryable: false },
  );
}

function unknownResult(callId: string, settings: ToolsSettings): ResultStep {
  const said = errorResult(CANCELLED, settings.maxResultCharacters);
  return { kind: 'result', callId, ...said, outcome: 'unknown' };
}
