import type { ExecutionChunk, ResetChunk, StreamChunk } from '../chunks.ts';
import { isVoided } from '../chunks.ts';
import type { OutputForm, OutputForms } from '../output/forms.ts';
import { JsonReader } from '../output/json-reader.ts';
import { Pieces } from './text-pieces.ts';

/** That some of the text is void. */
export interface VoidedText {
  /** What says so. */
  readonly reset: ResetChunk;
  /** How many elements of the watched array still stand. */
  readonly kept: number;
}

/** An element of the watched array that has closed, and its place. */
export interface ClosedElement {
  readonly at: number;
  readonly value: unknown;
}

/** Takes the text of an output out of chunks, and reads it. */
export class OutputText {
  readonly #forms: OutputForms;
  readonly #watch: string | undefined;
  /** How the attempt is read whose text comes. */
  #form: OutputForm | undefined;
  /** Attempts whose text was no output after all. */
  readonly #others = new WeakSet<OutputForm>();
  #text = new Pieces();
  /** Where the JSON was looked for so far. */
  #start = 0;
  /** How many characters of the text were looked at. */
  #length = 0;
  reader: JsonReader | undefined;
  /** How many elements have closed. */
  #closed = 0;
  #elements: ClosedElement[] = [];

  constructor(forms: OutputForms, watch?: string) {
    this.#forms = forms;
    this.#watch = watch;
  }

  /** Reads a chunk. Returns what it made void of the text so far, if anything. */
  read(chunk: StreamChunk | ExecutionChunk): VoidedText | undefined {
    let reset: ResetChunk | undefined;
    if (chunk.type === 'content') reset = this.#add(chunk.content, chunk.call ?? 0);
    else if (chunk.type === 'reset') reset = this.#drop(chunk);
    else if (isCall(chunk)) reset = this.#isOfCall(chunk.call ?? 0);
    if (reset === undefined) return undefined;
    return { reset, kept: reset === ANOTHER_ATTEMPT ? 0 : this.#closed };
  }

  /** Elements that have closed and were not taken. After a part of the text was void, all that still stand are among them. */
  takeElements(): readonly ClosedElement[] {
    return this.#elements.splice(0);
  }

  #add(content: string, call: number): ResetChunk | undefined {
    if (content === '') return undefined;
    const form = this.#forms.of(call);
    if (form === undefined || this.#others.has(form)) return undefined;
    const isAfterAnother = (form !== this.#form || form.start !== this.#start) && !this.#text.isEmpty;
    if (form !== this.#form) this.#begin(form);
    else if (form.start !== this.#start) this.#readAgain(form);
    this.#text.add({ call, text: content });
    this.#feed(content, form);
    return isAfterAnother ? ANOTHER_ATTEMPT : undefined;
  }

  #begin(form: OutputForm): void {
    this.#form = form;
    this.#text = new Pieces();
    this.#restart(form);
  }

  #restart(form: OutputForm): void {
    this.#start = form.start;
    this.#length = 0;
    this.#closed = 0;
    this.#elements = [];
    this.reader = new JsonReader(form, this.#watch);
  }

  #feed(content: string, { start }: OutputForm): void {
    const before = this.#length;
    this.#length += content.length;
    if (this.#length <= start) return;
    this.reader?.add(before >= start ? content : content.slice(start - before));
    if (this.#watch === undefined) return;
    for (const value of this.reader?.takeElements() ?? []) this.#elements.push({ at: this.#closed++, value });
  }

  #readAgain(form: OutputForm): void {
    this.#restart(form);
    for (const { text } of this.#text) this.#feed(text, form);
  }

  /** Drops what a reset voids, and reads the rest again. */
  #drop(reset: ResetChunk): ResetChunk | undefined {
    const form = this.#form;
    if (form === undefined || ![...this.#text].some(({ call }) => isVoided(reset, call))) return undefined;
    this.#text.drop(reset);
    this.#readAgain(form);
    return reset;
  }

  /** A reply that calls a tool is not the answer. */
  #isOfCall(call: number): ResetChunk | undefined {
    const form = this.#forms.of(call);
    if (form === undefined || this.#others.has(form)) return undefined;
    if (!this.#forms.isPlain) this.#others.add(form);
    if (form !== this.#form || this.#text.isEmpty) return undefined;
    this.#begin(form);
    return ANOTHER_ATTEMPT;
  }
}

/** Stands for what voids the text of a reply that was not the answer. */
const ANOTHER_ATTEMPT: ResetChunk = { type: 'reset', from: 0, reason: 'output' };

/** Whether a chunk is a call that the provider does not run itself. */
function isCall(chunk: StreamChunk | ExecutionChunk): boolean {
  return chunk.type === 'tool_call' && chunk.providerExecuted !== true;
}
