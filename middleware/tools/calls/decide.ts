import { SluiceError } from '../../../src/index.ts';
import { callsOf } from '../../../src/kit/index.ts';
import type {
  ExecutionContext,
  FinishReason,
  Message,
  PendingCall,
  Reply,
  ToolCallPart,
  ResultStep,
  Step,
} from '../../../src/index.ts';
import { approvalFor } from '../approval.ts';
import type { Asked } from '../loop/asking.ts';
import type { ReadyCall } from './calls.ts';
import { deniedResult } from './claim.ts';
import { judge } from './judge.ts';
import { ToolLimits } from '../limits.ts';
import type { LoopRecord } from '../loop/record.ts';
import type { ToolsSettings } from '../options.ts';
import { notRun } from './runner.ts';
import { takeStarts } from './schedule.ts';
import { approvalCall, checkCanWait, clientCall } from './waiting.ts';

/** What is done with the calls of a round. */
export interface Decided {
  /** What is recorded before anything runs. */
  readonly steps: readonly Step[];
  /** If decisions are among them: the call that can be decided on for the shortest time. */
  readonly expires?: PendingCall | undefined;
  /** Those that begin at once. They are recorded as begun. */
  readonly starts: readonly ReadyCall[];
  /** Those that begin when there is room. */
  readonly queue: readonly ReadyCall[];
  /** What follows when all have their results. */
  readonly then: 'ask' | 'end';
  /** The calls that wait for a decision. */
  readonly waits: readonly PendingCall[];
  /** The reply to end with, if it is another one than the model's. */
  readonly reply?: Reply;
  /** There is no call: nothing is recorded. */
  readonly isDone?: true;
}

/** A reply that has ended. */
interface EndedReply {
  readonly context: ExecutionContext;
  readonly settings: ToolsSettings;
  readonly record: LoopRecord | undefined;
  /** Whether its steps will be stored. */
  readonly isDurable: boolean;
  readonly message: Message;
  readonly reply: Reply;
  readonly asked: Asked;
  readonly reading: { readonly ranBelow: boolean };
}

/** Why the calls of a reply are not run that was cut off: its last call may be half of one. */
export const CUT: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'the reply was cut off at its longest length',
  content_filter: 'a filter stopped the reply',
  refusal: 'the reply ended as a refusal',
};

/** Decides on the calls of a reply, before anything is recorded or run. */
export async function decided(ended: EndedReply): Promise<Decided> {
  const { message, reply, asked, reading, settings } = ended;
  const calls = callsOf(message);
  if (calls.length > 0 && reading.ranBelow)
    throw new SluiceError(
      'middleware',
      'tools(): there is another tools() below this one. Give all tools to one of them.',
    );
  const step = replyStep(asked.round, message, reply);
  const because =
    CUT[reply.finishReason] ?? (asked.mayCall ? undefined : 'no tool could be called in this round');
  if (because !== undefined && calls.length > 0) {
    const results = calls.map(({ id }) => notRun(id, because, settings));
    const said = asked.mayCall ? undefined : { ...reply, finishReason: 'other' as const };
    return {
      steps: [{ ...step, starts: [] }, ...results],
      starts: [],
      queue: [],
      waits: [],
      then: 'end',
      ...(said && { reply: said }),
    };
  }
  const sorted = await sortedCalls(calls, ended);
  const queue = [...sorted.ready];
  const starts = takeStarts(queue, [], settings.maxParallel);
  return {
    steps: [
      {
        ...step,
        starts: starts.map(({ call }) => call.id),
        ...(sorted.waits.length > 0 && { waits: sorted.waits }),
        ...(sorted.ready.length > 0 && { fingerprints: fingerprintsOf(sorted.ready) }),
      },
      ...sorted.results,
    ],
    starts,
    queue,
    waits: sorted.waits,
    then: sorted.callers ? 'end' : 'ask',
    ...(calls.length === 0 && { isDone: true }),
  };
}

interface Sorted {
  ready: ReadyCall[];
  results: ResultStep[];
  waits: PendingCall[];
  /** Whether some belong to the caller. */
  callers: boolean;
}

async function sortedCalls(
  calls: readonly ToolCallPart[],
  { asked, context, record, isDurable, settings }: EndedReply,
): Promise<Sorted> {
  const sorted: Sorted = { ready: [], results: [], waits: [], callers: false };
  const left = (settings.maxCalls ?? Number.POSITIVE_INFINITY) - (record?.startedCount ?? 0);
  const judgments = await Promise.all(calls.map((call) => judge(call, asked.offered, settings)));
  const runnable: ReadyCall[] = [];
  judgments.forEach((judgment, at) => {
    const call = calls[at];
    if (call === undefined) return;
    if (judgment === 'callers') sorted.callers = true;
    else if ('result' in judgment) sorted.results.push(judgment.result);
    else if (judgment.tool.run === undefined) sorted.waits.push(clientCall({ call, ...judgment }));
    else if (runnable.length < left) runnable.push({ call, ...judgment, run: judgment.tool.run });
    else sorted.results.push(notRun(call.id, `no more than ${settings.maxCalls} calls may be run`, settings));
  });
  const requests = await Promise.all(runnable.map(({ tool, input }) => approvalFor(tool, input, context)));
  const denies = context.get(ToolLimits)?.approvals === 'deny';
  runnable.forEach((ready, at) => {
    const request = requests[at];
    if (request === undefined) sorted.ready.push(ready);
    else if (denies) sorted.results.push(denied(ready, settings, context));
    else sorted.waits.push(approvalCall(ready, request, context.steps.time));
  });
  checkCanWait(sorted.waits, isDurable, context);
  return sorted;
}

function fingerprintsOf(ready: readonly ReadyCall[]): Record<string, string> {
  return Object.fromEntries(ready.map(({ call, tool }) => [call.id, tool.fingerprint]));
}

/** The result of a call that nobody can approve here. */
function denied(
  ready: ReadyCall,
  { maxResultCharacters }: ToolsSettings,
  context: ExecutionContext,
): ResultStep {
  const { call, tool } = ready;
  context.warn(`tools(): a call of ${tool.name} was denied, because nobody can approve it here.`);
  const waited = { callId: call.id, waitsFor: 'approval' as const };
  return deniedResult(waited, 'Nobody can approve it here.', maxResultCharacters);
}

function replyStep(round: number, message: Message, { finishReason, model, provider }: Reply) {
  return { kind: 'reply' as const, round, message, reply: { finishReason, model, provider } };
}
