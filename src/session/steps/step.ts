import type { Message, ToolResultPart } from '../../messages.ts';
import type { PendingCall } from '../../pending-call.ts';
import type { FinishReason } from '../../request.ts';
import type { Cost, Usage } from '../../usage.ts';

/** What was spent. */
export interface Spent {
  usage: Usage;
  cost: Cost;
}

/** Lets a call run. `arguments` replace those of the call; the tool gets `reason` and `metadata`. */
export interface Approve {
  approve: true;
  arguments?: unknown;
  reason?: string | undefined;
  metadata?: unknown;
}

/**
 * What somebody decides about a {@link PendingCall}. A `result` is that of the tool: text, plain data, or text, image and file parts.
 */
export type Decision = Approve | { deny: string } | { result: unknown; isError?: boolean | undefined };

/**
 * What became of a call. `done` and `failed`: the tool ran. `unknown`: it had begun, and may have taken effect. `denied`: somebody decided
 * against it. `notRun`: it was never begun. `withdrawn`: nobody decided about it in time.
 */
export type CallOutcome = 'done' | 'failed' | 'unknown' | 'denied' | 'notRun' | 'withdrawn';

/** The reply of the model in one round of the turn. */
export interface ReplyStep {
  kind: 'reply';
  /** Counted from 0. */
  round: number;
  /** The message with its tool calls. */
  message: Message;
  /** What the message does not say. */
  reply: { finishReason: FinishReason; model?: string | undefined; provider?: string | undefined };
  /** The calls that begin as soon as this step is stored. */
  starts: string[];
  /** The calls that wait for a decision. */
  waits?: PendingCall[] | undefined;
  /** What the tools of the other calls were, by the ids of the calls: a call does not run with another tool than it was meant for. */
  fingerprints?: Record<string, string> | undefined;
}

/** A call begins that was queued or has been approved. */
export interface StartedStep {
  kind: 'started';
  callId: string;
}

/** The result of a call. A later one of the same call does not replace it. */
export interface ResultStep {
  kind: 'result';
  callId: string;
  content: ToolResultPart['content'];
  isError: boolean;
  outcome: CallOutcome;
  /** It came after the call had been given up: it is kept for people to read, and never is the result. */
  late?: true | undefined;
}

/** The turn rests until somebody decides about one of these calls: all that wait now. */
export interface WaitStep {
  kind: 'wait';
  pending: PendingCall[];
}

/** A decision about a call. It is made once. */
export interface DecisionStep {
  kind: 'decision';
  callId: string;
  /** The id of the decision: the same one may be sent again. */
  by: string;
  decision: Decision;
}

/** What the user said together with decisions. The model is sent it after the results of the round in which the calls were made. */
export interface MessageStep {
  kind: 'message';
  message: Message;
}

/** A run of the turn ended before the turn did. */
export interface CutStep {
  kind: 'cut';
  outcome: 'failed' | 'cancelled';
  /** What had come of the reply under way. */
  message?: Message | undefined;
}

/**
 * One record of a turn. A step never changes after it is stored. `path`: the ids of the calls that lead to an inner loop, such as that of an agent as a
 * tool, joined by `/`; absent for the turn's own steps.
 */
export type Step = { path?: string | undefined } & (
  ReplyStep | StartedStep | ResultStep | WaitStep | DecisionStep | MessageStep | CutStep
);

/** A step as it was stored. */
export interface StoredStep {
  /** Its number within the turn: dense, from 0. */
  n: number;
  step: Step;
  /** What was spent since the record before. Only the first step of a record has it. */
  spent?: Spent | undefined;
  /** The token of the lease under which it was stored. */
  token: number;
  /** When it was stored, in milliseconds since the epoch, by the clock of the store. */
  at: number;
}
