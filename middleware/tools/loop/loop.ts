import { Stream, isSluiceError } from '../../../src/index.ts';
import type {
  ExecutionContext,
  Message,
  Next,
  PendingCall,
  Reply,
  StreamChunk,
  ResultStep,
  RoundState,
  SluiceError,
} from '../../../src/index.ts';
import { chunksOf, saidAgain, textOfResult, withDeadline } from '../../../src/kit/index.ts';
import { GRACE_MS } from '../calls/calls.ts';
import type { RunningCall } from '../calls/calls.ts';
import { decided } from '../calls/decide.ts';
import type { Decided } from '../calls/decide.ts';
import { Asking } from './asking.ts';
import type { Asked, ToolSet } from './asking.ts';
import type { ToolList } from '../list.ts';
import { openCalls } from '../calls/open-calls.ts';
import { Reading } from './reading.ts';
import { earlierRecord, newRecord, turnIdOf, willBeDurable } from './record.ts';
import type { LoopRecord } from './record.ts';
import { Runner } from '../calls/runner.ts';
import type { RunnerEvents } from '../calls/runner.ts';
import { checkStored } from '../calls/waiting.ts';
import { Work } from './work.ts';
import type { WorkEnd } from './work.ts';

/** How often in a row a provider may pause a reply. */
const MAX_PAUSES = 10;

/**
 * The loop: asks the model, runs the calls of its reply, and asks again with their results, until a reply has none. Its stream is that of the first reply,
 * followed by what is said while tools run, followed by the next reply. It is made for each execution, and most have no call: what only calls need is made for
 * the first one.
 */
export class Loop implements RunnerEvents {
  readonly #context: ExecutionContext;
  readonly #list: ToolList;
  #set: ToolSet;
  readonly #asking: Asking;
  #record: LoopRecord | undefined;
  #runner: Runner | undefined;
  /** The reply that comes. */
  #reading: Reading | undefined;
  #asked: Asked | undefined;
  #pauses = 0;
  /** The numbers of the calls that made the rounds. */
  #numbers: Map<number, number | undefined> | undefined;
  /** What is done since the last reply. */
  #work: Work | undefined;
  #isClosed = false;

  constructor(context: ExecutionContext, next: Next, list: ToolList) {
    this.#context = context;
    this.#list = list;
    this.#set = list.for(context.request);
    this.#asking = new Asking(context, next, this.#set);
  }

  /** All of it as one stream. */
  stream(): Stream<StreamChunk, Reply> {
    checkStored(this.#context, this.#set);
    this.#warnOf(this.#set);
    const record = (this.#record = earlierRecord(this.#context, this.#set.key));
    const renewed = this.#list.refresh(this.#context);
    const first =
      record === undefined && renewed === undefined
        ? this.#ask()
        : this.#doing(() => this.#begin(record, renewed));
    return first.followedBy((reply) => this.#following(reply));
  }

  /** Begins with the tools as they are now, where the record ends if there is one. */
  async #begin(record: LoopRecord | undefined, renewed: Promise<void> | undefined): Promise<void> {
    if (renewed !== undefined) {
      await renewed;
      this.#renew();
    }
    if (record !== undefined) await this.#goOn(record);
    else this.#askNext({ finishReason: 'other' });
  }

  /** From here on the tools are those that there are now. */
  #renew(): void {
    const set = this.#list.for(this.#context.request);
    if (set === this.#set) return;
    checkStored(this.#context, set);
    this.#warnOf(set);
    this.#set = set;
    this.#asking.use(set);
  }

  #warnOf({ leftOut, warnings }: ToolSet): void {
    for (const warning of warnings) this.#context.warn(warning);
    for (const name of leftOut)
      this.#context.warn(
        `tools(): a tool ${JSON.stringify(name)} of a list that changes is left out, because another tool has its name: give the list a prefix.`,
      );
  }

  /** What follows a reply, or what was done after it. */
  #following(reply: Reply): Stream<StreamChunk, Reply> | undefined {
    const reading = this.#reading;
    if (reading === undefined) return this.#work?.isFollowed === true ? this.#ask() : undefined;
    this.#reading = undefined;
    const asked = this.#asked;
    if (asked !== undefined && (reading.hasCalls || reply.finishReason === 'pause'))
      return this.#doing(() => this.#roundEnded(asked, reading, reply));
    // The usual end.
    this.#leave();
    return undefined;
  }

  /** A stream of what is said during some work, which ends with it. */
  #doing(work: () => Promise<void>): Stream<StreamChunk, Reply> {
    this.#work = new Work({
      begin: () => void this.#guarded(work),
      close: (error) => this.#close(error),
    });
    return Stream.fromSource(this.#work);
  }

  /** No tool starts any more. Resolves when none runs; the runtime bounds the wait. */
  async #close(error: SluiceError): Promise<void> {
    this.#isClosed = true;
    const mayFinish = this.#set.settings.onClose === 'finish' && isByConsumer(error);
    await this.#runner?.stop(error, mayFinish);
    await this.#runner?.recording;
    this.#leave();
  }

  /** Gives back the right to record. */
  #leave(): void {
    this.#record?.leave(this.#context.signal);
  }

  /** Says a recorded turn again, and brings what has no result to its end. */
  async #goOn(record: LoopRecord): Promise<void> {
    const { rounds } = record.ledger;
    const said = rounds.flatMap((round) => [
      ...chunksOf(round.reply.message, this.#numberOf(round.reply.round)),
      ...this.#resultChunks(round.calls.flatMap(({ result }) => result ?? [])).map(saidAgain),
    ]);
    const open = await openCalls(this.#context, this.#set, record, ({ reply: { round } }) =>
      this.#asking.offeredIn(round, rounds.slice(0, round)),
    );
    if (open !== undefined) await this.#keep(record, open);
    this.#work?.say(said);
    const last = rounds.at(-1);
    if (open === undefined || last === undefined) {
      this.#askNext({ finishReason: 'other' });
      return;
    }
    const waits = await this.#run(record, open);
    await this.#afterRound(record, last, { ...last.reply.reply }, { ...open, waits });
  }

  #ask(): Stream<StreamChunk, Reply> {
    const record = this.#record;
    const asked = this.#asking.ask(record?.ledger.rounds ?? []);
    const reading = new Reading(record?.turnId ?? turnIdOf(this.#context, this.#set.key), asked.round);
    this.#asked = asked;
    this.#reading = reading;
    const stream = asked.stream.map(reading.take);
    if (record === undefined) return stream;
    // Named first: see docs/decisions/0009-what-the-collector-sees.md.
    const underWay = (): Message | undefined => this.#underWay();
    this.#context.steps.underWay = underWay;
    return stream.tap({
      end: ({ error }) => {
        if (error !== undefined) this.#leave();
      },
    });
  }

  /** What has come of the reply that comes now. */
  #underWay(): Message | undefined {
    const message = this.#reading?.message();
    return message === undefined || message.content.length === 0 ? undefined : message;
  }

  async #roundEnded(asked: Asked, reading: Reading, reply: Reply): Promise<void> {
    const message = reading.message();
    const { settings } = this.#set;
    this.#pauses = reply.finishReason === 'pause' ? this.#pauses + 1 : 0;
    const context = this.#context;
    const isDurable = this.#record?.isDurable ?? willBeDurable(context, this.#set.key);
    const what = await decided({
      ...{ context, settings, record: this.#record, isDurable },
      ...{ message, reply, asked, reading },
    });
    if (this.#isClosed) return;
    if (what.isDone && (reply.finishReason !== 'pause' || this.#pauses > MAX_PAUSES)) {
      this.#end(reply);
      return;
    }
    const record = (this.#record ??= newRecord(this.#context, this.#set.key, reading.turnId));
    (this.#numbers ??= new Map()).set(asked.round, reading.call);
    await this.#keep(record, what);
    const waits = await this.#run(record, what);
    const round = record.ledger.rounds.at(-1);
    if (round !== undefined) await this.#afterRound(record, round, reply, { ...what, waits });
  }

  /** Records what was decided. */
  async #keep(record: LoopRecord, { steps, expires }: Decided): Promise<void> {
    if (this.#isClosed) return;
    record.enter(this.#context.signal);
    if (steps.length > 0) await record.record(steps, expires);
  }

  /** Shows the results that are known, and runs what can run. Resolves to the calls that wait. */
  async #run(record: LoopRecord, what: Decided): Promise<readonly PendingCall[]> {
    if (this.#isClosed) return [];
    this.results(
      what.steps.filter((step) => step.kind === 'result').filter(({ path }) => path === undefined),
    );
    if (what.starts.length === 0) return what.waits;
    const { settings } = this.#set;
    this.#runner ??= new Runner({ context: this.#context, settings, turnId: record.turnId }, record, this);
    return [...what.waits, ...(await this.#runner.run(what.starts, what.queue))];
  }

  async #afterRound(record: LoopRecord, round: RoundState, reply: Reply, what: Decided): Promise<void> {
    if (this.#isClosed) return;
    if (what.waits.length > 0) {
      const pending = [...what.waits];
      if (!record.rests(pending)) await record.record([{ kind: 'wait', pending }]);
      this.#end({ ...reply, finishReason: 'tool_calls', pending });
      return;
    }
    if (what.then === 'end' || this.#asking.stops(round, reply)) {
      this.#end(what.reply ?? reply);
      return;
    }
    if (this.#asking.isInterrupted(record.ledger.rounds.length)) {
      this.#context.interrupt('max_rounds');
      this.#end(reply);
      return;
    }
    const renewed = this.#list.refresh(this.#context);
    if (renewed !== undefined) await renewed;
    if (this.#isClosed) return;
    this.#renew();
    this.#askNext(reply);
  }

  /** Results that are recorded. */
  results(steps: readonly ResultStep[]): void {
    this.#work?.say(this.#resultChunks(steps));
  }

  #resultChunks(steps: readonly ResultStep[]): StreamChunk[] {
    return steps.map(({ callId: id, content, isError }) => {
      const state = this.#record?.ledger.calls.get(id);
      const name = state?.call.name ?? '';
      const call = this.#numberOf(state?.round ?? 0);
      const parts = typeof content === 'string' ? undefined : { parts: content };
      return { type: 'tool_result', id, name, content: textOfResult(content), ...parts, isError, call };
    });
  }

  progress({ ready: { call: of } }: RunningCall, data: unknown): void {
    const call = this.#numberOf(this.#record?.ledger.calls.get(of.id)?.round ?? 0);
    this.#work?.mention({ type: 'tool_progress', id: of.id, name: of.name, data, call });
  }

  /** The number of a round's chunks. One that was made in an earlier run gets any number that no call has: the runtime puts one of this run in its place. */
  #numberOf(round: number): number {
    return this.#numbers?.get(round) ?? -1 - round;
  }

  #end(reply: Reply): void {
    this.#over({ reply, isLast: true });
  }

  /** Another reply follows this one. */
  #askNext(reply: Reply): void {
    this.#over({ reply, isLast: false });
  }

  #over(end: WorkEnd): void {
    if ('error' in end || end.isLast) this.#leave();
    this.#work?.end(end);
  }

  /** What fails here ends the execution, after the tools that run. */
  async #guarded(go: () => Promise<void>): Promise<void> {
    try {
      await go();
    } catch (error) {
      const stopped = this.#runner?.stop(error, false) ?? Promise.resolve();
      await withDeadline(stopped, GRACE_MS).catch(() => {
        this.#context.warn(`tools(): a tool ignored its signal for ${GRACE_MS} ms and was given up.`);
      });
      this.#over({ error });
    }
  }
}

/** Whether the consumer closed the stream or aborted its signal; not if a limit of time or an error ended the execution. */
function isByConsumer(error: SluiceError): boolean {
  return !isSluiceError(error.cause) || error.cause.code === 'aborted';
}
