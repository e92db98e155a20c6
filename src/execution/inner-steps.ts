import type { SessionView } from '../context.ts';
import type { ContextEntry } from '../keys.ts';
import type { Message } from '../messages.ts';
import type { PendingCall } from '../pending-call.ts';
import type { Step, StoredStep } from '../session/steps/step.ts';
import type { Span, Trace } from '../trace.ts';
import type { CallRecord } from './call-record.ts';
import type { StepWriter, TurnSteps } from './turn-steps.ts';

/** What an execution inside a call takes from the execution that has made the call, and what it tells that. */
export interface Around {
  readonly trace: Trace;
  /** The values that the caller gave to the execution. */
  readonly given: readonly ContextEntry[];
  readonly session: SessionView | undefined;
  readonly deadline: number | undefined;
  warn(message: string): void;
  /** A model call inside: its usage and cost are part of the execution, and of those around it. */
  adopt(call: CallRecord): void;
  /** Calls these when the turn is stored. */
  afterTurn(reports: readonly ((stored: boolean) => void)[]): void;
}

/** A record that several loops write to. */
export interface SharedRecord {
  readonly turnId: string;
  readonly path: string | undefined;
  readonly list: readonly StoredStep[];
  readonly isDurable: boolean;
  readonly time: number;
  enterUnder(path: string | undefined, signal: AbortSignal): StepWriter;
  apart(turnId: string, path: string, around: Around | undefined): TurnSteps;
}

/** What {@link InnerSteps} are made with. */
interface InnerSetup {
  readonly record: SharedRecord;
  readonly callId: string;
  /** Undefined: there is none, as in a test. */
  readonly around: Around | undefined;
  readonly span: Span | undefined;
}

// A global symbol, so that the steps of another copy of the package in the same process are known, too.
const INNER = Symbol.for('sluice.inner-steps');

/** The steps of an execution that runs inside a call of another one: those of the same record that have the path of the call. */
export class InnerSteps implements TurnSteps {
  readonly [INNER] = true;
  readonly path: string;
  /** The execution that has made the call. */
  readonly around: Around | undefined;
  /** The span of the call. */
  readonly span: Span | undefined;
  underWay: (() => Message | undefined) | undefined;
  /** The outermost loop takes the decisions about all calls. */
  readonly decisions = undefined;
  readonly #record: SharedRecord;
  #inside: Around | undefined;

  constructor({ record, callId, around, span }: InnerSetup, above: string | undefined = record.path) {
    this.#record = record;
    this.path = above === undefined ? callId : `${above}/${callId}`;
    this.around = around;
    this.span = span;
  }

  get turnId(): string {
    return this.#record.turnId;
  }

  get list(): readonly StoredStep[] {
    return this.#record.list;
  }

  get isDurable(): boolean {
    return this.#record.isDurable;
  }

  get time(): number {
    return this.#record.time;
  }

  enter(signal: AbortSignal): StepWriter {
    return this.#record.enterUnder(this.path, signal);
  }

  under(callId: string, span?: Span): InnerSteps {
    return new InnerSteps({ record: this.#record, callId, around: this.#inside, span }, this.path);
  }

  apart(turnId: string): TurnSteps {
    return this.#record.apart(turnId, this.path, this.#inside);
  }

  /** Says which execution runs inside the call. */
  entered(by: Around): void {
    this.#inside = by;
  }
}

/** Whether a value is what `context.steps.under()` gives. */
export function isInnerSteps(value: unknown): value is InnerSteps {
  return typeof value === 'object' && value !== null && INNER in value;
}

/** Steps as they are stored under a path: the calls that wait say where they are, too. */
export function placedUnder(path: string | undefined, steps: readonly Step[]): readonly Step[] {
  if (path === undefined) return steps;
  return steps.map((step) => {
    const placed = { ...step, path: step.path ?? path };
    if (placed.kind === 'wait') return { ...placed, pending: callsUnder(path, placed.pending) };
    if (placed.kind !== 'reply' || placed.waits === undefined) return placed;
    return { ...placed, waits: callsUnder(path, placed.waits) };
  });
}

function callsUnder(path: string, calls: readonly PendingCall[]): PendingCall[] {
  return calls.map((call) => ({ ...call, path: call.path ?? path }));
}
