import { Ledger, SluiceError, contextKey, isSluiceError, ledgerOf } from '../../../src/index.ts';
import type {
  ContextKey,
  ExecutionContext,
  Message,
  PendingCall,
  Span,
  Step,
  StepWriter,
  TurnSteps,
} from '../../../src/index.ts';
import { expiredError } from '../calls/claim.ts';

/** Where the steps of a loop are kept. */
type StepKeeper = Pick<TurnSteps, 'isDurable' | 'enter' | 'list' | 'path' | 'under'>;

/** What a loop has done so far: all that it decides on is read from here, and is stored before anything follows from it. */
export class LoopRecord {
  /** What the loop was asked with. */
  readonly messages: readonly Message[];
  /** What it is of: the ids of its calls are made of it. */
  readonly turnId: string;
  readonly ledger: Ledger;
  readonly #keeper: StepKeeper;
  #writer: { signal: AbortSignal; may: StepWriter } | undefined;
  #read = 0;

  constructor(keeper: StepKeeper, turnId: string, messages: readonly Message[]) {
    this.#keeper = keeper;
    this.turnId = turnId;
    this.messages = messages;
    this.ledger = new Ledger(keeper.path);
    this.#update();
  }

  /** Whether its steps are stored, so that a call can wait. */
  get isDurable(): boolean {
    return this.#keeper.isDurable;
  }

  get list(): StepKeeper['list'] {
    return this.#keeper.list;
  }

  /** What the record would add up to with more steps. */
  ledgerWith(steps: readonly Step[]): Ledger {
    return ledgerOf([...this.list, ...steps.map((step) => ({ step }))], this.ledger.path);
  }

  /** Whether the last step says that these calls wait: of an inner loop its own last step, of the outermost one that of the turn, which then rests. */
  rests(pending: readonly PendingCall[]): boolean {
    const { path } = this.ledger;
    const last = this.list.findLast(({ step }) => path === undefined || step.path === path)?.step;
    if (last?.kind !== 'wait' || last.path !== path || last.pending.length !== pending.length) return false;
    const ids = new Set(last.pending.map(({ callId }) => callId));
    return pending.every(({ callId }) => ids.has(callId));
  }

  /** How many calls have begun. */
  get startedCount(): number {
    let count = 0;
    for (const { started } of this.ledger.calls.values()) if (started) count++;
    return count;
  }

  /** One loop writes at a time. A loop whose signal has aborted has lost the right, even if a tool of it still runs. Throws `middleware`. */
  enter(signal: AbortSignal): void {
    if (this.#writer?.signal !== signal) this.#writer = { signal, may: this.#keeper.enter(signal) };
  }

  leave(signal: AbortSignal): void {
    if (this.#writer?.signal !== signal) return;
    this.#writer.may.leave();
    this.#writer = undefined;
  }

  /** Stores steps, and reads them when they are stored. `expires`: the call that can be decided on for the shortest time. Throws `invalid_request` if that time is over, and `aborted` if the loop is. */
  async record(steps: readonly Step[], expires?: PendingCall): Promise<void> {
    if (this.#writer === undefined)
      throw new SluiceError('aborted', 'the loop is over, and no step is recorded any more.');
    try {
      await this.#writer.may.record(steps, { before: expires?.expiresAt });
    } catch (error) {
      const isLate = expires !== undefined && isSluiceError(error) && error.code === 'conflict';
      throw isLate ? expiredError(expires) : error;
    }
    this.#update();
  }

  /** The steps of what runs inside a call. */
  under(callId: string, span: Span): TurnSteps {
    return this.#keeper.under(callId, span);
  }

  #update(): void {
    const { list } = this.#keeper;
    this.ledger.add(list.slice(this.#read));
    this.#read = list.length;
  }
}

/** Where an execution keeps the records of one `tools()`. */
export type RecordsKey = ContextKey<LoopRecord[]>;

/** Makes the key of one `tools()`. */
export const recordsKey = (): RecordsKey => contextKey<LoopRecord[]>('records of tools()');

/** The record that a loop goes on with: that of an earlier run of the turn, or of this execution if it was asked the same. */
export function earlierRecord(context: ExecutionContext, key: RecordsKey): LoopRecord | undefined {
  const { messages } = context.request;
  const records = context.get(key);
  if (records !== undefined)
    return records.find((one) => one.messages === messages || isSame(one.messages, messages));
  // Only a turn of a session, and what runs inside a call, has steps before its execution has made any.
  const { list, path } = context.steps;
  if (context.session === undefined && path === undefined) return undefined;
  const own = list.filter(({ step }) => step.path === path);
  if (own.length === 0) return undefined;
  // A request that may call no tool, such as that for a summary, is not the one that began some.
  if (context.request.parameters.toolChoice === 'none' && own.some(beginsTools)) return undefined;
  return newRecord(context, key, turnIdOf(context, key));
}

function beginsTools({ step }: { readonly step: Step }): boolean {
  return step.kind === 'reply' && (step.starts.length > 0 || step.waits !== undefined);
}

/** What the next record is of. A loop that is asked something else than one before has another record, with other ids. */
export function turnIdOf(context: ExecutionContext, key: RecordsKey): string {
  const before = context.get(key)?.length ?? 0;
  const { turnId, path } = context.steps;
  const id = path === undefined ? turnId : `${turnId}/${path}`;
  return before > 0 ? `${id}#${before}` : id;
}

/** Whether the steps of a record that is made now are stored. */
export function willBeDurable(context: ExecutionContext, key: RecordsKey): boolean {
  return (context.get(key)?.length ?? 0) === 0 && context.steps.isDurable;
}

/** Makes a record. The first one is that of the turn. Throws `middleware` if another run of the loop, which began before this one had a record, has made it already. */
export function newRecord(context: ExecutionContext, key: RecordsKey, turnId: string): LoopRecord {
  const records = context.once(key, () => []);
  if (records.some((one) => one.turnId === turnId)) throw overlapError();
  const keeper = records.length === 0 ? context.steps : context.steps.apart(turnId);
  const record = new LoopRecord(keeper, turnId, context.request.messages);
  records.push(record);
  return record;
}

function overlapError(): SluiceError {
  return new SluiceError(
    'middleware',
    'tools(): two runs of the loop wrote to one record at the same time. Put what makes several attempts at once below tools().',
  );
}

function isSame(one: readonly Message[], other: readonly Message[]): boolean {
  return one.length === other.length && JSON.stringify(one) === JSON.stringify(other);
}
