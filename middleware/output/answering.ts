import { SluiceError, Stream, withOutputPlan } from '../../src/index.ts';
import type {
  ExecutionContext,
  Message,
  Next,
  Reply,
  RequestedOutput,
  StreamChunk,
} from '../../src/index.ts';
import { inWords, isRefusal, judged, readReply } from './answer.ts';
import { elementCheck } from './elements.ts';
import { repairMessages } from './instructions.ts';
import type { OutputSettings } from './options.ts';
import { Attempt } from './plan.ts';
import { preparedOutput } from './prepared.ts';
import type { PreparedOutput } from './prepared.ts';
import { warnOnce } from './warn-once.ts';

/** Asks the model for an output, checks its answer, and asks once more if it may. */
export class Answering {
  readonly #context: ExecutionContext;
  readonly #next: Next;
  readonly #settings: OutputSettings;
  readonly #requested: RequestedOutput;
  readonly #output: PreparedOutput;
  #attempt: Attempt;
  #repairs = 0;
  /** What the next attempt is asked with, once the reader knows that the text of the last one is void. */
  #repair: readonly Message[] | undefined;
  #isDone = false;
  /** The call whose text came last. */
  #call: number | undefined;
  #isRefusal = false;

  constructor(context: ExecutionContext, next: Next, settings: OutputSettings, requested: RequestedOutput) {
    this.#context = context;
    this.#next = next;
    this.#settings = settings;
    this.#requested = requested;
    this.#output = preparedOutput(requested.schema);
    this.#attempt = this.#newAttempt();
    requested.forms.elementCheck ??= (key) => elementCheck(this.#output, key);
  }

  stream(): Stream<StreamChunk, Reply> {
    return this.#ask().followedBy((reply) => this.#following(reply));
  }

  #newAttempt(): Attempt {
    return new Attempt(this.#output, this.#settings, warnOnce(this.#context, this.#requested.forms));
  }

  #ask(messages?: readonly Message[]): Stream<StreamChunk, Reply> {
    const output = withOutputPlan(this.#requested, this.#attempt);
    return this.#next({ output, ...(messages !== undefined && { messages }) })
      .tap((chunk) => this.#see(chunk))
      .collect();
  }

  #see(chunk: StreamChunk): void {
    if (chunk.type === 'content') {
      if (chunk.call !== this.#call && chunk.call !== undefined) {
        this.#call = chunk.call;
        this.#requested.forms.note(chunk.call, this.#attempt.form);
      }
      if (isRefusal(chunk)) this.#isRefusal = true;
    } else if (chunk.type === 'reset') this.#isRefusal = false;
    else if (chunk.type === 'tool_result' && chunk.providerExecuted !== true && chunk.replayed !== true)
      throw new SluiceError('invalid_options', 'output() stands above tools(): put it below.');
  }

  /** What follows a reply: the same with its output, another attempt, or an error. */
  async #following(reply: Reply): Promise<Stream<StreamChunk, Reply> | Reply | undefined> {
    if (this.#repair !== undefined) {
      const messages = this.#repair;
      this.#repair = undefined;
      return this.#ask(messages);
    }
    const { text: whole, hasCalls } = readReply(reply.message);
    // What calls tools is not the answer, and what was paused goes on.
    if (this.#isDone || hasCalls || reply.finishReason === 'pause') return undefined;
    const text = whole.slice(this.#attempt.form.start);
    const { finishReason } = reply;
    const judgment = await judged(this.#output, this.#attempt.restore, {
      ...{ finishReason, text, isRefusal: this.#isRefusal },
    });
    if ('value' in judgment) {
      this.#isDone = true;
      return { ...reply, output: { value: judgment.value } };
    }
    const { error, isFinal } = judgment;
    if (isFinal || this.#repairs >= this.#settings.repair) throw error;
    this.#repairs++;
    this.#context.log.info('output: the answer does not match, and the model is asked again', {
      execution: this.#context.id,
      issues: error.issues.length,
    });
    const { messages } = this.#context.request;
    this.#repair = repairMessages(messages, whole, inWords(error.issues, 20));
    this.#attempt = this.#newAttempt();
    this.#call = undefined;
    return Stream.from([{ type: 'reset', from: 0, reason: 'output' }], reply);
  }
}
