import type { FinishReason, Message, PendingCall } from '../../src/index.ts';
import type { ResultPart } from './result.ts';

/** How a call ended. `unknown`: it had begun, and may have taken effect. */
export type CallOutcome = 'done' | 'failed' | 'unknown' | 'notRun';

/** The model's reply of one round. `starts`: the calls that begin at once. */
export interface ReplyStep {
  kind: 'reply';
  round: number;
  message: Message;
  reply: { finishReason: FinishReason; model?: string | undefined; provider?: string | undefined };
  starts: string[];
  /** Those that wait for the client. */
  waits?: PendingCall[];
}

/** A call that had waited for a place begins. */
export interface StartedStep {
  kind: 'started';
  callId: string;
}

/** What a call came to. */
export interface ResultStep {
  kind: 'result';
  callId: string;
  content: string | ResultPart[];
  isError: boolean;
  outcome: CallOutcome;
}

/** The loop rests until these are decided. */
export interface WaitStep {
  kind: 'wait';
  pending: PendingCall[];
}

/** One thing that happened in a loop of tools, in the order in which it happened. */
export type Step = ReplyStep | StartedStep | ResultStep | WaitStep;

/**
 * The record of a loop: all that it decides on is read from here, and is written before anything follows from it. Who takes the loop up again has the same
 * record, and goes on from there.
 */
export interface StepRecord {
  /** What the record is of. The ids of the calls and their idempotency keys are made of it. */
  readonly turnId: string;
  readonly list: readonly Step[];
  /** Resolves when the steps are kept. Whole or not at all. */
  record(steps: readonly Step[]): Promise<void>;
}

/** A record in memory: it lives as long as its execution. */
export class MemoryRecord implements StepRecord {
  readonly turnId: string;
  readonly list: Step[] = [];

  constructor(turnId: string) {
    this.turnId = turnId;
  }

  record(steps: readonly Step[]): Promise<void> {
    this.list.push(...steps);
    return Promise.resolve();
  }
}
