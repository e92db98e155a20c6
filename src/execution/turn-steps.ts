import type { Decided } from '../decide.ts';
import type { Message } from '../messages.ts';
import type { Step, StoredStep } from '../session/steps/step.ts';
import type { Span } from '../trace.ts';

/** The right to add steps to a {@link TurnSteps}. One layer has it at a time. */
export interface StepWriter {
  /**
   * Resolves when the steps are stored, all of them or none. Steps that are given in one turn of the event loop, or while others are stored,
   * are stored together. Rejects with the error of the store, also all later records of the execution. If calls begin with them, the session still belonged
   * to this run when it resolves, as the newest answer of the store says; otherwise it rejects with `lease_lost`.
   *
   * `before`: a time by the clock of the store, in milliseconds since the epoch. After it nothing is stored, and the error is a `conflict`.
   */
  record(steps: readonly Step[], options?: { before?: number | undefined }): Promise<void>;
  /** Gives the right back. Idempotent. */
  leave(): void;
}

/**
 * The steps of a turn, as the layers of one execution see them: what its earlier runs have stored and what this one adds. Without a session they
 * live as long as the execution, so a layer need not care.
 */
export interface TurnSteps {
  /** The id of the turn; without a session that of the execution. */
  readonly turnId: string;
  /** In the order in which they were stored. */
  readonly list: readonly StoredStep[];
  /** Whether the steps are stored, so that another process can go on with them. */
  readonly isDurable: boolean;
  /** The time by the clock of the store, in milliseconds since the epoch; without a store that of this process. */
  readonly time: number;
  /** What was decided about calls that wait, until the layer that has these calls records it as steps. Nothing is changed until then. */
  readonly decisions: ClaimableDecisions | undefined;
  /**
   * Gives the right to add steps, until `leave()` or until the signal aborts: what an abandoned layer still records is refused. Throws a `middleware`
   * error if another layer has the right.
   */
  enter(signal: AbortSignal): StepWriter;
  /** Says what has come of the reply under way. It is stored as a partial message if the execution ends before that reply is recorded. */
  underWay: (() => Message | undefined) | undefined;
  /** The ids of the calls that lead to this execution, joined by `/`. Undefined if it runs in no call of another one. */
  readonly path: string | undefined;
  /**
   * The steps of an execution that runs inside a call of this one, for its option `steps`: they are part of the same record, and what it spends is part of this
   * execution. `span`: that of the call, which the spans inside hang under.
   */
  under(callId: string, span?: Span): TurnSteps;
  /** Steps that live as long as the execution, for a loop that no later run goes on with. `turnId`: what they are of. */
  apart(turnId: string): TurnSteps;
}

/** Decisions that nobody has recorded yet. Each call waits, and nobody else has decided about it. */
export interface ClaimableDecisions extends Decided {
  /** The id of the decisions: `by` of their steps. */
  readonly by: string;
}
