import { SluiceError } from '../../src/index.ts';
import type {
  FinishReason,
  Message,
  PendingCall,
  Reply,
  ToolCallPart,
  ResultStep,
  Step,
  RoundState,
} from '../../src/index.ts';
import type { Asked } from './asking.ts';
import { UNKNOWN } from './calls.ts';
import type { ReadyCall } from './calls.ts';
import { judge } from './judge.ts';
import type { Offered } from './judge.ts';
import { callsOf } from './round.ts';
import type { LoopRecord } from './record.ts';
import type { ToolsSettings } from './options.ts';
import { errorResult, plainCopy } from './result.ts';
import { notRun } from './runner.ts';
import { takeStarts } from './schedule.ts';
import type { Tool } from './tool.ts';

/** What is done with the calls of a round. */
export interface Decided {
  /** What is recorded before anything runs. */
  readonly steps: readonly Step[];
  /** Those that begin at once. They are recorded as begun. */
  readonly starts: readonly ReadyCall[];
  /** Those that begin when there is room. */
  readonly queue: readonly ReadyCall[];
  /** What follows when all have their results. */
  readonly then: 'ask' | 'end';
  /** The calls that wait for the client. */
  readonly waits: readonly PendingCall[];
  /** The reply to end with, if it is another one than the model's. */
  readonly reply?: Reply;
  /** There is no call: nothing is recorded. */
  readonly isDone?: true;
}

/** A reply that has ended. */
interface EndedReply {
  readonly message: Message;
  readonly reply: Reply;
  readonly asked: Asked;
  readonly reading: { readonly ranBelow: boolean };
}

/** Why the calls of a reply are not run that was cut off: its last call may be half of one. */
const CUT: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'the reply was cut off at its longest length',
  content_filter: 'a filter stopped the reply',
  refusal: 'the reply ended as a refusal',
};

/** Decides on the calls of a reply, before anything is recorded or run. */
export async function decided(
  ended: EndedReply,
  record: LoopRecord | undefined,
  settings: ToolsSettings,
): Promise<Decided> {
  const { message, reply, asked, reading } = ended;
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
  const sorted = await sortedCalls(calls, asked.offered, record?.startedCount ?? 0, settings);
  const queue = sorted.ready;
  const starts = takeStarts(queue, [], settings.maxParallel);
  return {
    steps: [
      {
        ...step,
        starts: starts.map(({ call }) => call.id),
        ...(sorted.waits.length > 0 && { waits: sorted.waits }),
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

/** Decides on the calls of a recorded round that have no result. What had begun may have taken effect. */
export async function openCalls(
  round: RoundState,
  offered: Offered,
  settings: ToolsSettings,
): Promise<Decided> {
  const open = round.calls.filter(({ result }) => result === undefined);
  const { ready, results, waits, callers } = await sortedCalls(
    open.map(({ call }) => call),
    offered,
    0,
    settings,
  );
  const begun = new Set(open.filter(({ started }) => started).map(({ call }) => call.id));
  const queue: ReadyCall[] = [];
  for (const one of ready) {
    if (!begun.has(one.call.id) || one.tool.onUnknownOutcome === 'retry') queue.push(one);
    else results.push(unknownResult(one.call.id, settings));
  }
  const starts = takeStarts(queue, [], settings.maxParallel);
  const started = starts
    .filter(({ call }) => !begun.has(call.id))
    .map(({ call }): Step => ({ kind: 'started', callId: call.id }));
  const cut = CUT[round.reply.reply.finishReason] !== undefined;
  return { steps: [...results, ...started], starts, queue, waits, then: callers || cut ? 'end' : 'ask' };
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
  offered: Offered,
  startedBefore: number,
  settings: ToolsSettings,
): Promise<Sorted> {
  const sorted: Sorted = { ready: [], results: [], waits: [], callers: false };
  const left = (settings.maxCalls ?? Number.POSITIVE_INFINITY) - startedBefore;
  const judgments = await Promise.all(calls.map((call) => judge(call, offered, settings)));
  judgments.forEach((judgment, at) => {
    const call = calls[at];
    if (call === undefined) return;
    if (judgment === 'callers') sorted.callers = true;
    else if ('result' in judgment) sorted.results.push(judgment.result);
    else if (judgment.tool.run === undefined) sorted.waits.push(waitOf(call, judgment));
    else if (sorted.ready.length < left) sorted.ready.push({ call, ...judgment, run: judgment.tool.run });
    else sorted.results.push(notRun(call.id, `no more than ${settings.maxCalls} calls may be run`, settings));
  });
  return sorted;
}

/** The checked arguments, which have the defaults of the schema; those of the model if the schema made something of them that is not plain data. */
function shownOf(input: unknown, given: unknown): unknown {
  try {
    return plainCopy(input);
  } catch {
    return given;
  }
}

function waitOf(
  { id, name, arguments: given }: ToolCallPart,
  { tool, input }: { tool: Tool; input: unknown },
): PendingCall {
  return {
    callId: id,
    name,
    arguments: shownOf(input, given),
    waitsFor: 'client',
    fingerprint: tool.fingerprint,
  };
}

function replyStep(round: number, message: Message, { finishReason, model, provider }: Reply) {
  return { kind: 'reply' as const, round, message, reply: { finishReason, model, provider } };
}

function unknownResult(callId: string, settings: ToolsSettings): ResultStep {
  const said = errorResult(`The tool was stopped before its end. ${UNKNOWN}`, settings.maxResultCharacters);
  return { kind: 'result', callId, ...said, outcome: 'unknown' };
}
