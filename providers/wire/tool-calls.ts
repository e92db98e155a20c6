import { SluiceError } from '../../src/index.ts';
import type { FinishReason, ProviderBlock, StreamChunk } from '../../src/index.ts';
import { isRecord } from './json.ts';
import type { Limits } from './limits.ts';

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
  /** The call's verbatim form, put on the finished call. */
  block?: ProviderBlock | undefined;
}

interface OpenCall {
  id: string | undefined;
  name: string | undefined;
  text: string;
  /** The text is not JSON. */
  freeForm: boolean;
  /** The text is a start value: the real arguments may follow in its place. */
  provisional: boolean;
  /** The text ends with a brace that closes. */
  closed: boolean;
  /** How much of the text, and whether the name, went out as deltas. */
  sent: number;
  named: boolean;
  block: ProviderBlock | undefined;
}

/** Ends that may cut the last call short. */
const CUT: ReadonlySet<FinishReason> = new Set(['length', 'content_filter', 'refusal']);

/**
 * Collects the pieces of a reply's tool calls, keyed by id, then by index: servers send every parallel call at index 0, reuse or leave
 * out indices, send `id: ""` or none, names late, and `{}` before the real arguments. Keys are only ever keys of a Map.
 */
export class ToolCallAssembler {
  readonly #provider: string;
  readonly #limits: Limits;
  readonly #calls: OpenCall[] = [];
  readonly #byId = new Map<string, OpenCall>();
  /** The latest call of each index. */
  readonly #byIndex = new Map<number, OpenCall>();
  #characters = 0;

  constructor(options: { provider: string; limits: Limits }) {
    this.#provider = options.provider;
    this.#limits = options.limits;
  }

  /** Calls so far. */
  get size(): number {
    return this.#calls.length;
  }

  /**
   * Takes a piece; pushes a `tool_call_delta` where the call's id is known (else its text waits for `end`). Throws `protocol` over
   * a limit.
   */
  add(piece: ToolCallPiece, out: StreamChunk[]): void {
    const call = this.#find(piece);
    this.#describe(call, piece);
    const { arguments: args, input } = piece;
    if (typeof input === 'string') {
      call.freeForm = true;
      this.#append(call, input);
    } else if (typeof args === 'string') {
      this.#appendJson(call, args);
    } else if (isRecord(args) && call.text === '') {
      this.#append(call, JSON.stringify(args));
      call.provisional = true;
    }
    this.#send(call, out);
  }

  /** The wire's last word on a call, its `arguments` or `input` whole: it replaces what was collected. */
  settle(piece: ToolCallPiece, out: StreamChunk[]): void {
    const call = this.#find(piece);
    this.#describe(call, piece);
    const { arguments: args, input } = piece;
    const whole = typeof input === 'string' ? input : isRecord(args) ? JSON.stringify(args) : args;
    if (typeof input === 'string') call.freeForm = true;
    if (typeof whole === 'string') this.#replace(call, whole);
    call.provisional = false;
    this.#send(call, out);
  }

  /**
   * The reply is over: pushes a `tool_call` for each call, in the order of their start. Where the reply was cut (`length`,
   * `content_filter`, `refusal`) a call without whole arguments is left out; otherwise malformed arguments, or a call
   * without a name, are a `protocol` error.
   */
  end(finishReason: FinishReason, out: StreamChunk[]): void {
    const cut = CUT.has(finishReason);
    this.#calls.forEach((call, at) => {
      const parsed = argumentsOf(call);
      // A cut call is not to be run, and one without any arguments may have been cut before their first character.
      const whole = call.name !== undefined && parsed !== undefined && !(cut && isBlank(call.text));
      if (!whole && cut) return;
      if (call.name === undefined) throw this.#error('without a name');
      if (parsed === undefined) throw this.#error('whose arguments are not valid JSON');
      const id = (call.id ??= this.#madeId(at));
      call.provisional = false;
      this.#send(call, out);
      out.push({ type: 'tool_call', id, name: call.name, arguments: parsed.value, ...block(call), call: 0 });
    });
  }

  /** The call that a piece belongs to; a new one where it begins one. */
  #find(piece: ToolCallPiece): OpenCall {
    const id = nonEmpty(piece.id);
    const index = this.#index(piece.index);
    const known = id === undefined ? undefined : this.#byId.get(id);
    if (known !== undefined) return known;
    const candidate = index === undefined ? this.#calls.at(-1) : this.#byIndex.get(index);
    // Another id is another call, also at the same index.
    const same =
      candidate !== undefined && (id === undefined ? !begins(piece, candidate) : candidate.id === undefined);
    const call = same ? candidate : this.#begin(index);
    if (id !== undefined) {
      call.id = id;
      this.#byId.set(id, call);
    }
    return call;
  }

  #begin(index: number | undefined): OpenCall {
    if (this.#calls.length >= this.#limits.maxToolCalls) throw this.#limit('maxToolCalls');
    const call: OpenCall = {
      id: undefined,
      name: undefined,
      text: '',
      freeForm: false,
      provisional: false,
      closed: false,
      sent: 0,
      named: false,
      block: undefined,
    };
    this.#calls.push(call);
    if (index !== undefined) this.#byIndex.set(index, call);
    return call;
  }

  /** Anything but a whole number of 0 or more is as good as none. */
  #index(value: unknown): number | undefined {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return undefined;
    if (value > this.#limits.maxToolIndex) throw this.#limit('maxToolIndex');
    return value;
  }

  #describe(call: OpenCall, piece: ToolCallPiece): void {
    call.name = nonEmpty(piece.name) ?? call.name;
    call.block = piece.block ?? call.block;
  }

  #appendJson(call: OpenCall, delta: string): void {
    // `{}` and then the real arguments: they come in its place, not behind it.
    if (call.provisional && delta.trimStart().startsWith('{')) this.#replace(call, '');
    const first = call.text === '';
    this.#append(call, delta);
    if (isBlank(delta)) return;
    call.provisional = first && delta.trim() === '{}';
    call.closed = delta.trimEnd().endsWith('}');
  }

  #append(call: OpenCall, delta: string): void {
    this.#count(delta.length);
    call.text += delta;
  }

  #replace(call: OpenCall, whole: string): void {
    // What was sent stays sent: deltas are provisional, the finished call is what counts.
    call.sent = whole.startsWith(call.text.slice(0, call.sent)) ? call.sent : whole.length;
    this.#count(whole.length - call.text.length);
    call.text = whole;
  }

  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters > this.#limits.maxOutputCharacters) throw this.#limit('maxOutputCharacters');
  }

  /** Pushes what is new as a delta; a call whose id is not known yet waits, and so does a start value. */
  #send(call: OpenCall, out: StreamChunk[]): void {
    const { id, name, text } = call;
    if (id === undefined || call.provisional) return;
    const nameIsNew = name !== undefined && !call.named;
    if (!nameIsNew && text.length === call.sent) return;
    const argumentsDelta = call.sent === 0 ? text : text.slice(call.sent);
    call.sent = text.length;
    if (nameIsNew) {
      call.named = true;
      out.push({ type: 'tool_call_delta', id, name, argumentsDelta, call: 0 });
    } else {
      out.push({ type: 'tool_call_delta', id, argumentsDelta, call: 0 });
    }
  }

  #madeId(at: number): string {
    let number = at + 1;
    while (this.#byId.has(`call_${number}`)) number += this.#calls.length;
    return `call_${number}`;
  }

  #error(what: string): SluiceError {
    return new SluiceError('protocol', `${this.#provider} sent a tool call ${what}.`, {
      provider: this.#provider,
    });
  }

  #limit(name: 'maxToolCalls' | 'maxToolIndex' | 'maxOutputCharacters'): SluiceError {
    return new SluiceError('protocol', `The tool calls exceed limits.${name} (${this.#limits[name]}).`, {
      provider: this.#provider,
      retryable: false,
    });
  }
}

/**
 * Whether a piece without an id begins another call than the one at its place: it brings a name and arguments, and the name is
 * another one, or `{` behind a `}`, which no JSON has. Servers without ids send each call in one piece.
 */
function begins(piece: ToolCallPiece, call: OpenCall): boolean {
  const name = nonEmpty(piece.name);
  if (name === undefined || call.name === undefined || call.provisional) return false;
  if (isRecord(piece.arguments)) return true;
  if (typeof piece.arguments !== 'string' || isBlank(piece.arguments)) return false;
  return name !== call.name || (call.closed && piece.arguments.trimStart().startsWith('{'));
}

function argumentsOf(call: OpenCall): { value: unknown } | undefined {
  if (call.freeForm) return { value: call.text };
  if (isBlank(call.text)) return { value: {} };
  try {
    const value: unknown = JSON.parse(call.text);
    return { value };
  } catch {
    // The parser's error quotes the arguments.
    return undefined;
  }
}

function block(call: OpenCall): { block?: ProviderBlock } {
  return call.block === undefined ? {} : { block: call.block };
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}
