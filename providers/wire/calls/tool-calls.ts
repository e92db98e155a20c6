import { SluiceError } from '../../../src/index.ts';
import type { FinishReason, StreamChunk } from '../../../src/index.ts';
import { filled, isRecord } from '../json.ts';
import { MAY_CUT_CALLS } from '../finish-reasons.ts';
import type { Limits } from '../options/limits.ts';
import { OpenCall, isBlank } from './open-call.ts';
import type { ToolCallPiece } from './open-call.ts';
import { UNKNOWN_TOOL, isOtherTool, isRestOfName, joinedName } from './tool-names.ts';

export type { ToolCallPiece } from './open-call.ts';

/** Options of {@link ToolCallAssembler}. */
export interface AssemblerOptions {
  provider: string;
  limits: Limits;
  /** The names of the tools that the request offers. They tell where a name that comes in pieces ends. */
  offered?: ReadonlySet<string> | undefined;
}

const NO_TOOLS: ReadonlySet<string> = new Set();

/** The fields of a piece that make sense. */
interface Clean {
  index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  /** The text of the arguments or the input. Undefined if the piece has neither. */
  text: string | undefined;
  value: Record<string, unknown> | undefined;
}

/**
 * Puts the tool calls of a reply together from their pieces, which are matched by id, then by index, then by content.
 * Servers send every parallel call at index 0, reuse indices or leave them out, send `id: ""` or no id, give two calls one
 * id or each piece a new id, send names late, in pieces or repeatedly, and send `{}` before the real arguments. Untrusted
 * keys are only used as keys of a Map.
 */
export class ToolCallAssembler {
  readonly #provider: string;
  readonly #limits: Limits;
  readonly #offered: ReadonlySet<string>;
  readonly #calls: OpenCall[] = [];
  /** The latest call of each id that the server gave. */
  readonly #byId = new Map<string, OpenCall>();
  /** The latest call of each index. */
  readonly #byIndex = new Map<number, OpenCall>();
  /** The ids of calls so far. */
  readonly #given = new Set<string>();
  /** Whether two calls came with the same id. */
  #sharesIds = false;
  #characters = 0;

  constructor(options: AssemblerOptions) {
    this.#provider = options.provider;
    this.#limits = options.limits;
    this.#offered = options.offered ?? NO_TOOLS;
  }

  /** How many calls have begun. */
  get size(): number {
    return this.#calls.length;
  }

  /**
   * Adds a piece. Pushes a `tool_call_delta` if the id of the call is known; otherwise its text waits for `end()`. Throws
   * `protocol` if a limit is exceeded.
   */
  add(piece: ToolCallPiece, out: StreamChunk[]): void {
    const clean = this.#clean(piece);
    this.#count(clean.text?.length ?? 0);
    const call = this.#find(clean);
    if (call === undefined) return;
    this.#identify(call, clean);
    if (clean.name !== undefined) {
      call.name = call.name === undefined ? clean.name : joinedName(call.name, clean.name, this.#offered);
    }
    if (piece.block !== undefined) call.addBlock(piece.block);
    if (clean.value !== undefined) {
      const before = call.length;
      call.addValue(clean.value);
      this.#count(call.length - before);
    } else if (typeof piece.input === 'string') {
      call.addInput(piece.input);
    } else if (clean.text !== undefined) {
      call.addJson(clean.text);
    }
    call.send(out);
  }

  /** Takes the final form of a call, with all of its `arguments` or `input`. It replaces what was collected. */
  settle(piece: ToolCallPiece, out: StreamChunk[]): void {
    const clean = this.#clean(piece);
    const { id, index } = clean;
    const known = id === undefined ? undefined : this.#byId.get(id);
    const near = index === undefined ? this.#calls.at(-1) : this.#byIndex.get(index);
    const call = known ?? (id === undefined || near?.wireId === undefined ? near : undefined);
    const settled = call ?? this.#begin(index);
    this.#identify(settled, clean);
    settled.name = clean.name ?? settled.name;
    if (piece.block !== undefined) settled.setBlock(piece.block);
    const last = clean.value ?? clean.text;
    if (last !== undefined) {
      const before = settled.length;
      settled.settle(last, typeof piece.input === 'string');
      this.#count(settled.length - before);
    }
    settled.send(out);
  }

  /**
   * Ends the reply: pushes a `tool_call` for each call, in the order in which they began, and returns how many. A call
   * without a name, or with arguments that cannot be read, is `invalid`. If the reply was cut (`length`, `content_filter`,
   * `refusal`), incomplete calls are left out.
   */
  end(finishReason: FinishReason, out: StreamChunk[]): number {
    const cut = MAY_CUT_CALLS.has(finishReason);
    const calls = this.#sharesIds ? this.#distinct() : this.#calls;
    let count = 0;
    calls.forEach((call, at) => {
      // The call has an id and nothing else.
      if (call.name === undefined && call.isBlank) return;
      const read = call.read();
      // A call that was cut must not be run. A call without any arguments may have been cut before their first character.
      if (cut && (read.invalid !== undefined || call.isBlank)) return;
      const id = (call.id ??= this.#madeId(at));
      call.provisional = false;
      call.send(out);
      const { name = UNKNOWN_TOOL, block } = call;
      out.push({ type: 'tool_call', id, name, ...read, ...(block !== undefined && { block }), call: 0 });
      count++;
    });
    return count;
  }

  #clean(piece: ToolCallPiece): Clean {
    const { arguments: args, input } = piece;
    const value = typeof input !== 'string' && isRecord(args) ? args : undefined;
    const text = typeof input === 'string' ? input : typeof args === 'string' ? args : undefined;
    return {
      index: this.#index(piece.index),
      id: typeof piece.id === 'number' ? String(piece.id) : filled(piece.id),
      name: filled(piece.name),
      text,
      value,
    };
  }

  /** The index, if it is a whole number of 0 or more. Any other value counts as no index. */
  #index(value: unknown): number | undefined {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return undefined;
    if (value > this.#limits.maxToolIndex) throw this.#limit('maxToolIndex');
    return value;
  }

  /**
   * The call that a piece belongs to, or a new call if the piece begins one. Undefined if the piece repeats what has come
   * before.
   */
  #find(piece: Clean): OpenCall | undefined {
    const { id, index } = piece;
    const there = index === undefined ? undefined : this.#byIndex.get(index);
    const known = id === undefined ? undefined : this.#byId.get(id);
    if (known !== undefined) return this.#ofKnownId(piece, there?.wireId === id ? (there ?? known) : known);
    const near = there ?? this.#unplaced(piece);
    if (near === undefined) return this.#begin(index);
    if (piece.name === undefined && isRepeated(piece, near)) return undefined;
    const isNew =
      id === undefined || near.wireId === undefined
        ? this.#beginsByContent(piece, near)
        : beginsByOtherId(piece, near);
    if (!isNew) return near;
    const call = this.#begin(index);
    // An earlier piece held the name of this call and nothing else.
    if (piece.name === undefined && near.announcedAgain) call.name = near.name;
    return call;
  }

  /**
   * The last call, for a piece whose index names no call: either the piece has no index, or the last call has none either.
   */
  #unplaced({ index, name }: Clean): OpenCall | undefined {
    const last = this.#calls.at(-1);
    if (index === undefined) return last;
    return name === undefined && last?.index === undefined ? last : undefined;
  }

  /** The call of a piece whose id is known: the call with that id, or another call to which the server gave the same id. */
  #ofKnownId(piece: Clean, call: OpenCall): OpenCall | undefined {
    const { index, name } = piece;
    const isElsewhere = index !== undefined && call.index !== undefined && index !== call.index;
    if (isElsewhere && name !== undefined) return this.#begin(index);
    if ((name === undefined || name === call.name) && isRepeated(piece, call)) return undefined;
    if (name === undefined || call.name === undefined) return call;
    const isOther = isOtherTool(call.name, name, this.#offered);
    return isOther || (opens(piece) && call.ended) ? this.#begin(index) : call;
  }

  /**
   * Whether a piece begins another call than the one at its index, if the piece or that call has no id. Servers without ids
   * send each call in one piece, or its name first.
   */
  #beginsByContent(piece: Clean, call: OpenCall): boolean {
    const { name, text, value } = piece;
    if (name === undefined) return call.announcedAgain && opens(piece) && call.ended;
    if (call.name === undefined) return opens(piece) && call.ended;
    if (isRestOfName(call.name, name, this.#offered)) return false;
    const isOther = isOtherTool(call.name, name, this.#offered);
    if (call.isBlank) return isOther;
    if (name !== call.name) return isOther || opens(piece) || call.ended;
    if (value !== undefined) return call.hasValue || call.ended;
    if (isBlank(text ?? '') && call.ended) call.announcedAgain = true;
    return opens(piece) && call.ended;
  }

  #begin(index: number | undefined): OpenCall {
    if (this.#calls.length >= this.#limits.maxToolCalls) throw this.#limit('maxToolCalls');
    const call = new OpenCall(index, this.#limits);
    this.#calls.push(call);
    if (index !== undefined) this.#byIndex.set(index, call);
    return call;
  }

  /** Notes the id and the index that a piece gives its call. */
  #identify(call: OpenCall, { id, index }: Clean): void {
    if (index !== undefined) {
      call.index ??= index;
      if (!this.#byIndex.has(index)) this.#byIndex.set(index, call);
    }
    // The first id counts: servers that make up a new id for each piece never use one again.
    if (id === undefined || call.wireId !== undefined) return;
    call.wireId = id;
    this.#byId.set(id, call);
    if (this.#given.has(id)) this.#sharesIds = true;
    call.id = this.#unique(id);
    this.#given.add(call.id);
  }

  #unique(id: string): string {
    let unique = id;
    for (let number = 2; this.#given.has(unique); number++) unique = `${id}_${number}`;
    return unique;
  }

  #madeId(at: number): string {
    const id = this.#unique(`call_${at + 1}`);
    this.#given.add(id);
    return id;
  }

  /**
   * The calls without duplicates under the same id. Some servers announce a call at one index and send it at another, or
   * send it at several.
   */
  #distinct(): OpenCall[] {
    const seen = new Set<string>();
    const withArguments = new Set<string>();
    for (const call of this.#calls) {
      if (!call.isBare) withArguments.add(JSON.stringify([call.wireId, call.name]));
    }
    return this.#calls.filter((call) => {
      if (call.wireId === undefined) return true;
      const key = JSON.stringify([call.wireId, call.name]);
      if (call.isBare && withArguments.has(key)) return false;
      const content = `${call.wireId} ${call.content}`;
      if (seen.has(content)) return false;
      seen.add(content);
      return true;
    });
  }

  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters > this.#limits.maxOutputCharacters) throw this.#limit('maxOutputCharacters');
  }

  #limit(name: 'maxToolCalls' | 'maxToolIndex' | 'maxOutputCharacters'): SluiceError {
    return new SluiceError(
      'protocol',
      `${this.#provider}: the tool calls exceed limits.${name} (${this.#limits[name]})`,
      {
        provider: this.#provider,
        retryable: false,
      },
    );
  }
}

/** Whether a piece holds the start of a JSON value. */
function opens({ text, value }: Clean): boolean {
  return value !== undefined || text?.trimStart().startsWith('{') === true;
}

/** Whether a piece repeats all arguments of the call, which is how some servers close a call. */
function isRepeated({ text }: Clean, call: OpenCall): boolean {
  // A short piece cannot be a repetition: a long text is not compared with it.
  if (text === undefined || 2 * text.length < call.length || isBlank(text)) return false;
  return call.ended && call.isSameText(text);
}

/**
 * Whether a piece begins a call if it has another id than the call at its index. Usually it does. But some servers make up
 * a new id for each piece that continues the arguments.
 */
function beginsByOtherId(piece: Clean, call: OpenCall): boolean {
  const { name, text } = piece;
  if (name !== undefined && name !== call.name) return true;
  if (text === undefined || call.name === undefined) return true;
  if (opens(piece) && call.ended) return true;
  return name !== undefined && (opens(piece) || isBlank(text) || call.isBlank || call.ended);
}
