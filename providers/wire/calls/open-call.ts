import type { ProviderBlock, StreamChunk } from '../../../src/index.ts';
import { checkedArguments, invalidArguments, readArguments, type ReadArguments } from './arguments.ts';
import { isRecord, jsonText } from '../json.ts';
import { JsonProgress } from './json-progress.ts';
import type { Limits } from '../options/limits.ts';

/**
 * A piece of a tool call. The fields are as the server sent them: servers leave them out or send values that make no sense.
 */
export interface ToolCallPiece {
  /** The position among the calls. */
  index?: unknown;
  id?: unknown;
  name?: unknown;
  /** A string holds the next characters of the arguments' JSON. An object is a start value, which later strings replace. */
  arguments?: unknown;
  /**
   * The next characters of a free-form input, which is not JSON. The `arguments` of the finished call are then the whole
   * string.
   */
  input?: unknown;
  /** The original form of the call, which is put on the finished call. The fields of later blocks are merged into it. */
  block?: ProviderBlock | undefined;
}

/**
 * A tool call whose pieces are still coming. Its text is only appended to until the call is read, so that the cost is
 * linear in its length. Of arguments that are too long, the rest is not kept.
 */
export class OpenCall {
  /** The id of the finished call. No other call of the reply has it. */
  id: string | undefined;
  /** The first id that the server gave the call. Other calls may have the same one. */
  wireId: string | undefined;
  index: number | undefined;
  name: string | undefined;
  /** Whether no arguments have come, apart from white space. */
  isBlank = true;
  /** Whether the text is a start value, which the real arguments may replace. */
  provisional = false;
  /** Whether the arguments came as an object that is not empty. */
  hasValue = false;
  /** Whether the name came again after the arguments had ended. Arguments that follow belong to another call. */
  announcedAgain = false;
  #text = '';
  #freeForm = false;
  /** The result for arguments that came as a value and cannot be written as text. */
  #unreadable: ReadArguments | undefined;
  #progress = new JsonProgress();
  /** Text that was not pushed yet, how many characters were pushed, and the name that was pushed. */
  #unsent = '';
  #sent = 0;
  #sentName: string | undefined;
  #block: ProviderBlock | undefined;
  /** The fields of the block if there was more than one block, and their size in characters. */
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

  /** Whether the server has sent no arguments, or only the empty ones with which some servers announce a call. */
  get isBare(): boolean {
    return this.isBlank || (this.provisional && !this.hasValue);
  }

  /** Whether the arguments are complete, so that nothing more can belong to them. */
  get ended(): boolean {
    return !this.provisional && this.#progress.ended;
  }

  /** Adds the next characters of the arguments' JSON. */
  addJson(delta: string): void {
    if (!this.isBlank && !this.provisional) return this.#append(delta);
    // The real arguments come after `{}` and replace it.
    if (this.provisional && delta.trimStart().startsWith('{')) this.#clear();
    const first = this.isBlank;
    this.#append(delta);
    if (!isBlank(delta)) this.provisional = first && delta.trim() === '{}';
  }

  /** Adds the next characters of a free-form input. */
  addInput(delta: string): void {
    this.#freeForm = true;
    this.#append(delta);
  }

  /** Takes arguments that came as a value. */
  addValue(value: Record<string, unknown>): void {
    if (this.provisional) this.#clear();
    else if (!this.isBlank) return;
    this.#append(this.#textOf(value));
    this.isBlank = false;
    this.hasValue = Object.keys(value).length > 0;
    this.provisional = true;
  }

  /** Takes the final arguments (text or a value) or the final input in place of what has come. */
  settle(last: string | Record<string, unknown>, freeForm: boolean): void {
    if (freeForm) this.#freeForm = true;
    const kept = this.#kept(typeof last === 'string' ? last : this.#textOf(last), 0);
    // Text that was pushed cannot be taken back. Deltas are provisional: the finished call counts.
    const goesOn = kept.startsWith(this.#text.slice(0, this.#sent));
    this.#text = kept;
    this.isBlank = isBlank(kept);
    this.#unsent = goesOn ? kept.slice(this.#sent) : '';
    this.provisional = false;
  }

  /** Merges the fields of a block into the earlier ones, up to the size that arguments may have. */
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

  /** Whether a text equals what has come so far, either directly or as a JSON string of it. */
  isSameText(text: string): boolean {
    const whole = this.#text.trim();
    if (text.trim() === whole) return true;
    return text.trimStart().startsWith('"') && unquoted(text)?.trim() === whole;
  }

  /** The name and the arguments as one text, to compare calls with each other. */
  get content(): string {
    return JSON.stringify([this.name, this.#text.trim()]);
  }

  /** Pushes new text as a delta. Nothing is pushed while the id is not known or the text is a start value. */
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

  /** The parsed arguments, or why they are invalid. */
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
    // The arguments were encoded twice: a JSON string that holds the JSON of the arguments.
    const inner = readArguments(read.arguments, this.#limits);
    return inner.invalid === undefined && isRecord(inner.arguments) ? inner : read;
  }

  /** The original form of the call, if the API wants it back. */
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

  /** A value as text. A value that is nested too deep for that makes the call invalid. */
  #textOf(value: Record<string, unknown>): string {
    const text = jsonText(value);
    if (text === undefined) this.#unreadable = checkedArguments(value, this.#limits);
    return text ?? '';
  }

  /**
   * The part of a text that is kept. One character over the limit is kept, too: it makes the call invalid when it is read.
   */
  #kept(text: string, before: number): string {
    const room = this.#limits.maxArgumentsCharacters + 1 - before;
    return text.length <= room ? text : text.slice(0, Math.max(0, room));
  }

  /** Drops a start value, of which nothing was pushed. */
  #clear(): void {
    this.#text = '';
    this.#unsent = '';
    this.#unreadable = undefined;
    this.#progress = new JsonProgress();
    this.isBlank = true;
    this.provisional = false;
  }
}

/** Whether a text holds nothing but white space. */
export function isBlank(text: string): boolean {
  return text.trim() === '';
}

function sizeOf(value: unknown): number {
  return value === undefined ? 0 : (jsonText(value)?.length ?? 0);
}

/** The text that a JSON string encodes. */
function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
