import type { StreamChunk } from '../../../src/index.ts';
import {
  UNKNOWN_TOOL,
  blockFrom,
  checkedArguments,
  invalidArguments,
  isRecord,
  readArguments,
  text,
  type ReadArguments,
  type ReplyContext,
} from '../../wire/index.ts';
import { kindOfDelta, type OpenBlock } from './blocks.ts';
import { addDelta, sizeOf } from './values.ts';

/** What the queue gives a new call. */
export interface CallPlace {
  /** Its id in the reply: the server's id, or a new one if that is missing or taken. */
  id: string;
  /** The index of its block. */
  key: number | undefined;
  /** Whether another call already has the server's id. */
  isRepeat: boolean;
}

/**
 * A tool call. Its input comes as deltas of JSON text, or complete in the start. Blank text is `{}`. A call that the
 * provider runs itself (`server_tool_use`, `mcp_tool_use`, ...) goes back as it came.
 */
export class CallBlock implements OpenBlock {
  readonly id: string;
  /** The id that the server gave it. */
  readonly rawId: string | undefined;
  readonly name: string;
  readonly isRepeat: boolean;
  key: number | undefined;
  /** Whether the provider runs it. */
  isHosted: boolean;
  /**
   * Whether its deltas are pushed. They are not if the call is not the client's or comes twice, because it must not look
   * like a new call.
   */
  #isShown: boolean;
  readonly #maxCharacters: number;
  /** Whether the server said that it is complete. */
  isStopped = false;
  /** Whether something followed its end, so that the reply was not cut within it. */
  isFollowed = false;
  /**
   * Whether it was stopped, or replaced at its index, before its input was valid JSON. The rest may follow under another
   * index.
   */
  isBroken = false;
  isDelivered = false;
  #start: Record<string, unknown>;
  readonly #context: ReplyContext;
  #json = '';
  /** Whether the input came as text that is not blank. */
  #hasText = false;
  /** Where the input begins that came after the end. */
  #lateFrom: number | undefined;
  #read: ReadArguments | undefined;
  #text: string | undefined;

  constructor(start: Record<string, unknown>, place: CallPlace, context: ReplyContext, out: StreamChunk[]) {
    this.#start = { ...start };
    this.#context = context;
    this.id = place.id;
    this.rawId = text(start['id']) || undefined;
    this.name = text(start['name']) ?? '';
    this.key = place.key;
    this.isRepeat = place.isRepeat;
    this.isHosted = start['type'] !== 'tool_use';
    this.#isShown = !this.isHosted && !this.isRepeat && this.name !== '';
    this.#maxCharacters = context.limits.maxArgumentsCharacters;
    if (this.#isShown) {
      out.push({ type: 'tool_call_delta', id: this.id, name: this.name, argumentsDelta: '', call: 0 });
    }
  }

  delta(delta: Record<string, unknown>, out: StreamChunk[]): number | undefined {
    if (delta['type'] !== 'input_json_delta') return this.#otherDelta(delta);
    if (this.isDelivered) return undefined;
    const piece = pieceOf(delta);
    if (piece === '') return 0;
    this.#hasText ||= piece.trim() !== '';
    if (this.isStopped) this.#lateFrom ??= this.#json.length;
    // The rest of an input that is too long is not needed.
    if (this.#json.length <= this.#maxCharacters) this.#json += piece;
    this.#read = undefined;
    if (this.#isShown) out.push({ type: 'tool_call_delta', id: this.id, argumentsDelta: piece, call: 0 });
    return piece.length;
  }

  /** Marks it as run by the provider. */
  markHosted(): void {
    this.isHosted = true;
    this.#isShown = false;
  }

  /** Takes a start that repeats the first one. */
  restart(start: Record<string, unknown>): void {
    this.#start = { ...start };
  }

  /** The queue of the calls closes it, because it knows the order. */
  close(): void {}

  /** Whether no input has come yet. */
  get isBlank(): boolean {
    return !this.#hasText && this.#given === undefined;
  }

  /** Whether its input is complete and valid. */
  isWhole(): boolean {
    return !this.isBlank && this.#arguments().invalid === undefined;
  }

  /** Whether it has the same name and input as another call. */
  isSameAs(other: CallBlock): boolean {
    return this.name === other.name && this.#inputText() === other.#inputText();
  }

  /** Whether a delta repeats its complete input. */
  repeatsInput(delta: Record<string, unknown>): boolean {
    return this.#hasText && pieceOf(delta) === this.#json;
  }

  /** Pushes the finished call. */
  deliver(out: StreamChunk[]): void {
    this.#warnOfLateInput();
    const { id, name } = this;
    const args = name === '' ? this.#nameless() : this.#arguments();
    if (!this.#hasText && this.#isShown && !this.isBlank && args.invalid === undefined) {
      const argumentsDelta = JSON.stringify(args.arguments);
      out.push({ type: 'tool_call_delta', id, argumentsDelta, call: 0 });
    }
    const data = { ...this.#start, input: args.arguments };
    out.push({
      ...{ type: 'tool_call', id, name: name || UNKNOWN_TOOL, ...args },
      ...(this.isHosted && { providerExecuted: true }),
      ...((this.isHosted || hasMore(this.#start)) && { block: blockFrom(this.#context.origin, data) }),
      call: 0,
    });
  }

  /** The input in the start: an object, or JSON text. */
  get #given(): unknown {
    const { input } = this.#start;
    if (typeof input === 'string') return input.trim() === '' ? undefined : input;
    return isRecord(input) && Object.keys(input).length > 0 ? input : undefined;
  }

  #arguments(): ReadArguments {
    return (this.#read ??= this.#readInput());
  }

  #readInput(): ReadArguments {
    const { limits } = this.#context;
    const given = this.#given;
    if (!this.#hasText && given !== undefined) {
      return typeof given === 'string' ? readArguments(given, limits) : checkedArguments(given, limits);
    }
    const read = readArguments(this.#json, limits);
    const before = this.#json.slice(0, this.#lateFrom ?? 0).trim();
    if (read.invalid === undefined || before === '') return read;
    const early = readArguments(before, limits);
    return early.invalid === undefined ? early : read;
  }

  /** Input after the end may be a repetition, or may belong to no call. It is then left out. */
  #warnOfLateInput(): void {
    if (this.#lateFrom === undefined || this.#lateFrom === 0) return;
    const [early, late] = [
      this.#json.slice(0, this.#lateFrom).trim(),
      this.#json.slice(this.#lateFrom).trim(),
    ];
    if (late === '' || late === early || readArguments(early, this.#context.limits).invalid !== undefined)
      return;
    const { call, provider } = this.#context;
    call.warn(`${provider}: input that came after the end of a call is left out (${late.length} characters)`);
  }

  #nameless(): ReadArguments {
    const raw = this.#inputText().slice(0, this.#maxCharacters);
    return invalidArguments(raw, 'the call has no name');
  }

  /** The input as text. Called only after all of it has come. */
  #inputText(): string {
    const { arguments: args, invalid } = this.#arguments();
    return (this.#text ??= invalid?.raw ?? JSON.stringify(args));
  }

  #otherDelta(delta: Record<string, unknown>): number | undefined {
    if (kindOfDelta(delta['type']) !== undefined || this.isDelivered) return undefined;
    // These fields are known already.
    const { id: _id, name: _name, input: _input, ...more } = delta;
    const size = sizeOf(more);
    if (size !== undefined) addDelta(this.#start, more);
    return size ?? 0;
  }
}

/** The next characters of the input. Some servers send it complete, as an object. */
function pieceOf(delta: Record<string, unknown>): string {
  const piece = delta['partial_json'];
  if (typeof piece === 'string') return piece;
  return isRecord(piece) && sizeOf(piece) !== undefined ? JSON.stringify(piece) : '';
}

const CALL_FIELDS: ReadonlySet<string> = new Set(['type', 'id', 'name', 'input']);

/** Whether a call has fields that must go back with it, such as the code that called it. */
function hasMore(start: Record<string, unknown>): boolean {
  return Object.entries(start).some(function isMore([name, value]) {
    if (CALL_FIELDS.has(name) || value === null) return false;
    return name !== 'caller' || !isRecord(value) || value['type'] !== 'direct';
  });
}
