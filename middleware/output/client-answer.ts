import { OutputForms, isVoided, withOutputPlan } from '../../src/index.ts';
import type { ExecutionContext, Message, Next, OutputForm, Reply, StreamChunk } from '../../src/index.ts';
import { ToolLimits } from '../tools/limits.ts';
import { inWords, isRefusal, judged, readReply } from './answer.ts';
import type { ClientFormat } from './client-format.ts';
import { repairMessages } from './instructions.ts';
import { JsonText } from './json-text.ts';
import type { OutputSettings } from './options.ts';
import { Attempt } from './plan.ts';
import { warnOnce } from './warn-once.ts';

/**
 * Asks the model for the answer that the client of a gateway wants, and checks it. The text is the JSON itself, since that is what such a client reads.
 *
 * The text goes on as it comes. But if the model may be asked again and its server does not keep to the schema, it is held back until it is checked: these clients cannot take text back.
 */
export async function* clientAnswer(
  context: ExecutionContext,
  next: Next,
  { settings, format }: { settings: OutputSettings; format: ClientFormat },
): AsyncGenerator<StreamChunk, Reply> {
  const { output } = format;
  const warn = warnOnce(context, format);
  // The client's tools are the only ones: its calls are answered by itself.
  const staysInside = context.get(ToolLimits)?.ownTools !== false;
  let messages: readonly Message[] | undefined;
  for (let left = settings.repair; ; left--) {
    const attempt = new Attempt(output, settings, warn, format);
    const requested = { schema: output.schema, forms: new OutputForms() };
    const stream = next({
      output: withOutputPlan(requested, attempt),
      responseFormat: undefined,
      ...(messages !== undefined && { messages }),
    }).collect();
    const text = new AnswerText(attempt, { mayRepair: left > 0, staysInside });
    for await (const chunk of stream) yield* text.take(chunk);
    const reply = await stream.result;
    const { text: said, hasCalls } = readReply(reply.message);
    const { finishReason } = reply;
    if (hasCalls || finishReason === 'pause') {
      yield* text.endOfRound();
      return reply;
    }
    const { isRefusal } = text;
    const written = said.slice(attempt.form.start);
    const judgment = await judged(output, attempt.restore, { finishReason, text: written, isRefusal });
    if ('value' in judgment) {
      yield* text.end(judgment);
      return { ...reply, output: { value: judgment.value } };
    }
    const { error, isFinal } = judgment;
    // What was cut short or refused has a word of its own in the protocols.
    if ((isFinal && format.dialect !== 'other') || (left === 0 && !format.isStrict)) {
      if (!isFinal)
        warn(`output(): the answer is given as it is, since its format is not strict. ${error.message}`);
      yield* text.endAsSaid(said);
      return reply;
    }
    if (isFinal || left === 0) throw error;
    context.log.info('output: the answer does not match, and the model is asked again', {
      execution: context.id,
      issues: error.issues.length,
    });
    yield* text.drop();
    messages = repairMessages(context.request.messages, said, inWords(error.issues, 20));
  }
}

/** The text of one attempt as the client gets it. */
class AnswerText {
  readonly #attempt: Attempt;
  readonly #mayRepair: boolean;
  /** Whether the pipeline has tools, whose calls the client does not see: it gets the answer of the last round alone. */
  readonly #staysInside: boolean;
  /** What the model has written, and which call it came of. */
  #said: { call: number | undefined; content: string }[] = [];
  #json: JsonText | undefined;
  #start = 0;
  /** What is held back. */
  #held: StreamChunk[] = [];
  #hasGiven = false;
  /** What was given besides text. */
  #others: StreamChunk[] = [];
  isRefusal = false;

  constructor(attempt: Attempt, settings: { mayRepair: boolean; staysInside: boolean }) {
    this.#attempt = attempt;
    this.#mayRepair = settings.mayRepair;
    this.#staysInside = settings.staysInside;
  }

  /** What the client gets of a chunk now. */
  *take(chunk: StreamChunk): Generator<StreamChunk> {
    if (chunk.type === 'reset') {
      this.#said = this.#said.filter(({ call }) => !isVoided(chunk, call));
      this.#held = this.#held.filter(({ call }) => !isVoided(chunk, call));
      this.#others = this.#others.filter(({ call }) => !isVoided(chunk, call));
      this.isRefusal = false;
      this.#readAgain();
      yield chunk;
    } else if (chunk.type !== 'content') {
      if (chunk.type === 'tool_call' && chunk.providerExecuted !== true) yield* this.#dropText();
      yield* this.#give(chunk);
    } else if (isRefusal(chunk)) {
      this.isRefusal = true;
      yield* this.#give(chunk);
    } else yield* this.#text(chunk);
  }

  /** What is left when the answer has come. */
  *end({ value }: { value: unknown }): Generator<StreamChunk> {
    if (!this.#attempt.isAsItCame && !this.#says(value)) yield* this.#instead(JSON.stringify(value));
    yield* this.#held;
  }

  /** What is left of a round that was not the last one. */
  *endOfRound(): Generator<StreamChunk> {
    yield* this.#held;
  }

  /** What is left when it was not the answer: all that was said, unless the client has the beginning of it. */
  *endAsSaid(said: string): Generator<StreamChunk> {
    if (!this.#attempt.isAsItCame && !this.isRefusal && said !== '' && (this.#json?.text ?? '') === '')
      this.#held.push({ type: 'content', content: said });
    yield* this.#held;
  }

  /** Takes back what was given. */
  *drop(): Generator<StreamChunk> {
    this.#held = [];
    if (this.#hasGiven) yield { type: 'reset', from: 0, reason: 'output' };
  }

  *#text(chunk: Extract<StreamChunk, { type: 'content' }>): Generator<StreamChunk> {
    const { form, isAsItCame } = this.#attempt;
    if (isAsItCame) {
      yield* this.#give(chunk);
      return;
    }
    if (form.start !== this.#start) {
      // What was taken for the answer was not the answer.
      if ((this.#json?.text ?? '') !== '') yield* this.drop();
      this.#readAgain();
    }
    this.#said.push({ call: chunk.call, content: chunk.content });
    const content = this.#read(chunk.content, form);
    const isEmpty = content === '' && chunk.block === undefined && chunk.citations === undefined;
    if (!isEmpty) yield* this.#give(content === chunk.content ? chunk : { ...chunk, content });
  }

  #length = 0;

  #read(content: string, form: OutputForm): string {
    this.#json ??= new JsonText(form);
    const before = this.#length;
    this.#length += content.length;
    return this.#json.add(content.slice(Math.max(0, form.start - before)));
  }

  #readAgain(): void {
    const { form } = this.#attempt;
    this.#json = undefined;
    this.#length = 0;
    this.#start = form.start;
    for (const { content } of this.#said) this.#read(content, form);
  }

  *#give(chunk: StreamChunk): Generator<StreamChunk> {
    if (this.#mayRepair && !this.#attempt.isKept) this.#held.push(chunk);
    else {
      this.#hasGiven = true;
      if (chunk.type !== 'content') this.#others.push(chunk);
      yield chunk;
    }
  }

  /** A reply that calls tools of the pipeline is not the answer, whatever its text says. */
  *#dropText(): Generator<StreamChunk> {
    if (!this.#staysInside || this.#attempt.isAsItCame) return;
    this.#held = this.#held.filter(({ type }) => type !== 'content');
    if (!this.#hasGiven || (this.#json?.text ?? '') === '') return;
    yield { type: 'reset', from: 0, reason: 'output' };
    yield* this.#others;
    this.#said = [];
    this.#readAgain();
  }

  /** Whether the client's text says a value. */
  #says(value: unknown): boolean {
    const { isWhole = false, text = '' } = this.#json ?? {};
    return isWhole && isSame(text, value);
  }

  /** Another text in place of the one so far. */
  *#instead(content: string): Generator<StreamChunk> {
    if ((this.#json?.text ?? '') !== '' && this.#hasGiven) yield* this.drop();
    this.#held = this.#held.filter(({ type }) => type !== 'content');
    this.#held.push({ type: 'content', content });
  }
}

function isSame(json: string, value: unknown): boolean {
  const read: unknown = JSON.parse(json);
  return JSON.stringify(read) === JSON.stringify(value);
}
