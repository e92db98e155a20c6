import type { ProviderBlock, StreamChunk } from '../../../src/index.ts';
import { checkedArguments, invalidArguments, readArguments, type ReadArguments } from './arguments.ts';
import { isRecord, jsonText } from '../json.ts';
import { JsonProgress } from './json-progress.ts';
import type { Limits } from '../options/limits.ts';

/** A piece of a tool call. All fields are as the wire gave them: servers leave them out or send nonsense. */
export interface ToolCallPiece {
  /** Place among the calls. */
  index?: unknown;
  id?: unknown;
  name?: unknown;
  /** A string: the next characters of the arguments' JSON. An object: a start value that later strings replace. */
  arguments?: unknown;
  /** The next characters of a free-form input that is not JSON; the finished call's `arguments` is the whole string. */
  input?: unknown;
  /** The call's verbatim form, put on the finished call. The fields of later blocks are merged into it. */
  block?: ProviderBlock | undefined;
}

/**
 * A tool call while it comes. Its text is only appended to until the call is read, so that a call costs as much as it is long;
 * of arguments that are too long the rest is not kept.
 */
export class OpenCall {
  /** The id that is given out: nobody else has it. */
  id: string | undefined;
  /** The first id that the wire gave it: other calls may have the same. */
  wireId: string | undefined;
  index: number | undefined;
  name: string | undefined;
  /** No character of the arguments has come but white space. */
  isBlank = true;
  /** The text is a start value: the real arguments may follow in its place. */
  provisional = false;
  /** The arguments came as an object with something in it. */
  hasValue = false;
  /** Its name came once more after its arguments had ended: arguments that follow are another call's. */
  announcedAgain = false;
  #text = '';
  #freeForm = false;
  /** What came as a value and cannot be written as text. */
  #unreadable: ReadArguments | undefined;
  #progress = new JsonProgress();
  /** Text that was not sent yet, how much was, and the name that was. */
  #unsent = '';
  #sent = 0;
  #sentName: string | undefined;
  #block: ProviderBlock | undefined;
  /** The fields of the block, if there was more than one, and their size in characters. */
  #fields: Map<string, unknown> | undefined;
  #fieldsSize = 0;
  readonly #limits: Limits;

  constructor(index: number | undefined, limits: Limits) {
    this.index = index;
    this.#limits = limits;
  }

  /** How many characters have come and were kept. */
  get length(): number {
    return this.#text.length;
  }

  /** Whether the server has sent no arguments, or only the empty ones that some announce a call with. */
  get isBare(): boolean {
    return this.isBlank || (this.provisional && !this.hasValue);
  }

  /** Whether the arguments are complete: nothing more can belong to them. */
  get ended(): boolean {
    return !this.provisional && this.#progress.ended;
  }

  /** The next characters of the arguments' JSON. */
  addJson(delta: string): void {
    if (!this.isBlank && !this.provisional) return this.#append(delta);
    // `{}` and then the real arguments: they replace it.
    if (this.provisional && delta.trimStart().startsWith('{')) this.#clear();
    const first = this.isBlank;
    this.#append(delta);
    if (!isBlank(delta)) this.provisional = first && delta.trim() === '{}';
  }

  /** The next characters of a free-form input. */
  addInput(delta: string): void {
    this.#freeForm = true;
    this.#append(delta);
  }

  /** Arguments that came as a value. */
  addValue(value: Record<string, unknown>): void {
    if (this.provisional) this.#clear();
    else if (!this.isBlank) return;
    this.#append(this.#textOf(value));
    this.isBlank = false;
    this.hasValue = Object.keys(value).length > 0;
    this.provisional = true;
  }

  /** The last word on the arguments (text or a value) or the input. */
  settle(last: string | Record<string, unknown>, freeForm: boolean): void {
    if (freeForm) this.#freeForm = true;
    const kept = this.#kept(typeof last === 'string' ? last : this.#textOf(last), 0);
    // What was sent stays sent: deltas are provisional, the finished call is what counts.
    const goesOn = kept.startsWith(this.#text.slice(0, this.#sent));
    this.#text = kept;
    this.isBlank = isBlank(kept);
    this.#unsent = goesOn ? kept.slice(this.#sent) : '';
    this.provisional = false;
  }

  /** Merges the fields of a block into those that came before, as long as they are no larger than arguments may be. */
  addBlock(block: ProviderBlock): void {
    const { data } = block;
    const before = this.#block?.data;
    if (!isRecord(before) || !isRecord(data)) {
      this.#block = block;
      return;
    }
    if (this.#fields === undefined) {
      this.#fields = new Map(Object.entries(before));
      for (const value of this.#fields.values()) this.#fieldsSize += sizeOf(value);
    }
    for (const [field, value] of Object.entries(data)) {
      const growth = sizeOf(value) - sizeOf(this.#fields.get(field));
      if (this.#fieldsSize + growth > this.#limits.maxArgumentsCharacters) continue;
      this.#fieldsSize += growth;
      this.#fields.set(field, value);
    }
  }

  /** Replaces the block. */
  setBlock(block: ProviderBlock): void {
    this.#block = block;
    this.#fields = undefined;
  }

  /** Whether a text is what has come so far, as it is or as a JSON string of it. */
  isSameText(text: string): boolean {
    const whole = this.#text.trim();
    if (text.trim() === whole) return true;
    return text.trimStart().startsWith('"') && unquoted(text)?.trim() === whole;
  }

  /** Tells it from calls of another tool, or with other arguments. */
  get content(): string {
    return JSON.stringify([this.name, this.#text.trim()]);
  }

  /** Pushes what is new as a delta; a call whose id is not known yet waits, and so does a start value. */
  send(out: StreamChunk[]): void {
    const { id, name } = this;
    if (id === undefined || this.provisional) return;
    const argumentsDelta = this.#unsent;
    const nameIsNew = name !== undefined && name !== this.#sentName;
    if (!nameIsNew && argumentsDelta === '') return;
    this.#unsent = '';
    this.#sent += argumentsDelta.length;
    if (nameIsNew) {
      this.#sentName = name;
      out.push({ type: 'tool_call_delta', id, name, argumentsDelta, call: 0 });
    } else {
      out.push({ type: 'tool_call_delta', id, argumentsDelta, call: 0 });
    }
  }

  /** The arguments, parsed, or what is wrong with them. */
  read(): ReadArguments {
    if (this.#unreadable !== undefined) return this.#unreadable;
    const max = this.#limits.maxArgumentsCharacters;
    if (this.name === undefined) return invalidArguments(this.#text.slice(0, max), 'the call has no name');
    if (this.#freeForm) {
      if (this.#text.length <= max) return { arguments: this.#text };
      return invalidArguments(this.#text.slice(0, max), `the input is longer than ${max} characters`);
    }
    const read = readArguments(this.#text, this.#limits);
    if (read.arguments === null) return { arguments: {} };
    if (typeof read.arguments !== 'string') return read;
    // Encoded twice: a JSON string that holds the JSON of the arguments.
    const inner = readArguments(read.arguments, this.#limits);
    return inner.invalid === undefined && isRecord(inner.arguments) ? inner : read;
  }

  /** The verbatim form, if the wire wants it back. */
  get block(): ProviderBlock | undefined {
    if (this.#block === undefined || this.#fields === undefined) return this.#block;
    return { ...this.#block, data: Object.fromEntries(this.#fields) };
  }

  #append(delta: string): void {
    const kept = this.#kept(delta, this.#text.length);
    this.#text += kept;
    this.#unsent += kept;
    if (this.isBlank && !isBlank(delta)) this.isBlank = false;
    if (!this.#freeForm) this.#progress.add(kept);
  }

  /** A value as text; one that is nested too deep for that makes the call invalid. */
  #textOf(value: Record<string, unknown>): string {
    const text = jsonText(value);
    if (text === undefined) this.#unreadable = checkedArguments(value, this.#limits);
    return text ?? '';
  }

  /** As much as may be kept: one character more than allowed, which makes the call invalid when it is read. */
  #kept(text: string, before: number): string {
    const room = this.#limits.maxArgumentsCharacters + 1 - before;
    return text.length <= room ? text : text.slice(0, Math.max(0, room));
  }

  /** Forgets a start value: nothing of it was sent. */
  #clear(): void {
    this.#text = '';
    this.#unsent = '';
    this.#unreadable = undefined;
    this.#progress = new JsonProgress();
    this.isBlank = true;
    this.provisional = false;
  }
}

/** Whether a text is nothing but white space. */
export function isBlank(text: string): boolean {
  return text.trim() === '';
}

function sizeOf(value: unknown): number {
  return value === undefined ? 0 : (jsonText(value)?.length ?? 0);
}

/** The text that a JSON string stands for. */
function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
