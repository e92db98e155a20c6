import type { Message, ToolCallPart } from '../../src/index.ts';
import type { ReplyStep, ResultStep, Step, StepRecord } from './steps.ts';

/** What the record says of one call. */
export interface CallState {
  readonly call: ToolCallPart;
  readonly round: number;
  started: boolean;
  result: ResultStep | undefined;
}

/** What the record says of one round. */
export interface RoundState {
  readonly reply: ReplyStep;
  readonly calls: readonly CallState[];
}

/** What a record says. It reads each step once, also if more come. */
export class Ledger {
  readonly rounds: RoundState[] = [];
  readonly #calls = new Map<string, CallState>();
  readonly #record: StepRecord;
  #read = 0;

  constructor(record: StepRecord) {
    this.#record = record;
    this.update();
  }

  /** Writes steps, and reads them when they are kept. */
  async record(steps: readonly Step[]): Promise<void> {
    await this.#record.record(steps);
    this.update();
  }

  update(): void {
    const { list } = this.#record;
    for (let step = list[this.#read]; step !== undefined; step = list[++this.#read]) this.#add(step);
  }

  call(callId: string): CallState | undefined {
    return this.#calls.get(callId);
  }

  /** How many calls have begun. */
  get startedCount(): number {
    let count = 0;
    for (const { started } of this.#calls.values()) if (started) count++;
    return count;
  }

  #add(step: Step): void {
    if (step.kind === 'reply') {
      const calls = callsOf(step.message).map((call): CallState => ({
        call,
        round: step.round,
        started: step.starts.includes(call.id),
        result: undefined,
      }));
      for (const state of calls) this.#calls.set(state.call.id, state);
      this.rounds.push({ reply: step, calls });
      return;
    }
    if (step.kind === 'wait') return;
    const state = this.#calls.get(step.callId);
    if (state === undefined) return;
    if (step.kind === 'started') state.started = true;
    else state.result ??= step;
  }
}

/** The calls of a message that its provider has not run itself. */
export function callsOf({ content }: Message): ToolCallPart[] {
  if (typeof content === 'string') return [];
  return content
    .filter((part) => part.type === 'tool_call')
    .filter(({ providerExecuted }) => providerExecuted !== true);
}

/** A round as the model is sent it: the reply, and the results in the order of the calls. */
export function messagesOf({ reply, calls }: RoundState): Message[] {
  const results = calls.flatMap(({ call: { id, name }, result }) =>
    result === undefined
      ? []
      : [
          {
            ...{ type: 'tool_result' as const, id, name, content: result.content },
            ...(result.isError && { isError: true }),
          },
        ],
  );
  return results.length === 0 ? [reply.message] : [reply.message, { role: 'tool', content: results }];
}
