import { SluiceError, contextKey } from '../../src/index.ts';
import type { ContextKey, ExecutionContext, Message } from '../../src/index.ts';
import { Ledger } from './ledger.ts';
import { MemoryRecord } from './steps.ts';

/** The record of a loop, and who may write to it. */
export class LoopRecord {
  readonly turnId: string;
  readonly ledger: Ledger;
  /** What the loop was asked with. */
  readonly messages: readonly Message[];
  #writer: AbortSignal | undefined;

  constructor(turnId: string, messages: readonly Message[]) {
    this.turnId = turnId;
    this.messages = messages;
    this.ledger = new Ledger(new MemoryRecord(turnId));
  }

  /** One loop writes at a time. A loop whose signal has aborted has lost the right, even if a tool of it still runs. Throws `middleware`. */
  enter(signal: AbortSignal): void {
    if (this.#writer !== undefined && this.#writer !== signal && !this.#writer.aborted) {
      throw overlapError();
    }
    this.#writer = signal;
  }

  leave(signal: AbortSignal): void {
    if (this.#writer === signal) this.#writer = undefined;
  }
}

/** Where an execution keeps the records of one `tools()`. */
export type RecordsKey = ContextKey<LoopRecord[]>;

/** Makes the key of one `tools()`. */
export const recordsKey = (): RecordsKey => contextKey<LoopRecord[]>('records of tools()');

/** The record of an earlier run of the loop in this execution that was asked the same, if there was one. */
export function earlierRecord(context: ExecutionContext, key: RecordsKey): LoopRecord | undefined {
  const { messages } = context.request;
  return context.get(key)?.find((one) => one.messages === messages || isSame(one.messages, messages));
}

/** What the next record is of. A loop that is asked something else than one before has another record, with other ids. */
export function turnIdOf(context: ExecutionContext, key: RecordsKey): string {
  const before = context.get(key)?.length ?? 0;
  return before === 0 ? context.id : `${context.id}#${before}`;
}

/** Makes a record. Throws `middleware` if another run of the loop, which began before this one had a record, has made it already. */
export function newRecord(context: ExecutionContext, key: RecordsKey, turnId: string): LoopRecord {
  const records = context.once(key, () => []);
  if (records.some((one) => one.turnId === turnId)) throw overlapError();
  const record = new LoopRecord(turnId, context.request.messages);
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
