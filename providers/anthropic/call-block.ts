import type { StreamChunk } from '../../src/index.ts';
import {
  blockFrom,
  checkedArguments,
  invalidArguments,
  isRecord,
  readArguments,
  text,
  type ReadArguments,
} from '../wire/index.ts';
import { kindOfDelta, type BlockContext, type OpenBlock } from './blocks.ts';
import { addDelta, sizeOf } from './values.ts';

/** What the queue of the calls gives a new one. */
export interface CallPlace {
  /** Its id in the reply: the server's, or a made one if that is missing or taken. */
  id: string;
  /** The index of its block. */
  key: number | undefined;
  /** The server's id is the one of another call. */
  isRepeat: boolean;
}

/**
 * A call of a tool. Its input comes as deltas of JSON text, or whole in the start; blank text is `{}`. A call that the provider
 * runs itself (`server_tool_use`, `mcp_tool_use`, ...) goes back as it came.
 */
export class CallBlock implements OpenBlock {
  readonly id: string;
  /** The id that the server gave it. */
  readonly rawId: string | undefined;
  readonly name: string;
  readonly isRepeat: boolean;
  key: number | undefined;
  /** The provider runs it. */
  isHosted: boolean;
  /** The server said that it is complete. */
  isStopped = false;
  /** Something followed its end: the reply was not cut inside it. */
  isFollowed = false;
  /** It was stopped or hidden before its input was JSON: the rest may follow under another index. */
  isBroken = false;
  isDelivered = false;
  #start: Record<string, unknown>;
  readonly #context: BlockContext;
  #json = '';
  /** Where the input began that came after the end. */
  #lateFrom: number | undefined;
  #read: ReadArguments | undefined;

  constructor(start: Record<string, unknown>, place: CallPlace, context: BlockContext, out: StreamChunk[]) {
    this.#start = { ...start };
    this.#context = context;
    this.id = place.id;
    this.rawId = text(start['id']) || undefined;
    this.name = text(start['name']) ?? '';
    this.key = place.key;
    this.isRepeat = place.isRepeat;
    this.isHosted = start['type'] !== 'tool_use';
    if (this.#isShown) {
      out.push({ type: 'tool_call_delta', id: this.id, name: this.name, argumentsDelta: '', call: 0 });
    }
  }

  delta(delta: Record<string, unknown>, out: StreamChunk[]): number | undefined {
    if (delta['type'] !== 'input_json_delta') return this.#otherDelta(delta);
    if (this.isDelivered) return undefined;
    const piece = text(delta['partial_json']);
    if (piece === undefined || piece === '') return 0;
    if (this.isStopped) this.#lateFrom ??= this.#json.length;
    // What is longer than the limit is not needed to say that it is.
    if (this.#json.length <= this.#context.limits.maxArgumentsCharacters) this.#json += piece;
    this.#read = undefined;
    if (this.#isShown) out.push({ type: 'tool_call_delta', id: this.id, argumentsDelta: piece, call: 0 });
    return piece.length;
  }

  /** Takes the start that says the same again. */
  restart(start: Record<string, unknown>): void {
    this.#start = { ...start };
  }

  /** The queue of the calls closes it: it knows the order. */
  close(): void {}

  /** Whether no input has come yet. */
  get isBlank(): boolean {
    return this.#json.trim() === '' && this.#given === undefined;
  }

  /** Whether its input is there and whole. */
  isWhole(): boolean {
    return !this.isBlank && this.#arguments().invalid === undefined;
  }

  /** Whether it says the same as another call. */
  isSameAs(other: CallBlock): boolean {
    return this.name === other.name && this.#text() === other.#text();
  }

  /** Pushes the finished call. */
  deliver(out: StreamChunk[]): void {
    const { id, name } = this;
    const args = name === '' ? this.#nameless() : this.#arguments();
    if (this.#json.trim() === '' && this.#isShown && !this.isBlank && args.invalid === undefined) {
      const argumentsDelta = JSON.stringify(args.arguments);
      out.push({ type: 'tool_call_delta', id, argumentsDelta, call: 0 });
    }
    const data = { ...this.#start, input: args.arguments };
    out.push({
      ...{ type: 'tool_call', id, name, ...args },
      ...(this.isHosted && { providerExecuted: true }),
      ...((this.isHosted || hasMore(this.#start)) && { block: blockFrom(this.#context.origin, data) }),
      call: 0,
    });
  }

  /** Whether deltas of it are pushed: nobody may take a call that is not the client's, or comes twice, for one that begins. */
  get #isShown(): boolean {
    return !this.isHosted && !this.isRepeat && this.name !== '';
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
    if (this.#json.trim() === '' && given !== undefined) {
      return typeof given === 'string' ? readArguments(given, limits) : checkedArguments(given, limits);
    }
    const read = readArguments(this.#json, limits);
    const before = this.#json.slice(0, this.#lateFrom ?? 0);
    if (read.invalid === undefined || before.trim() === '') return read;
    // What came after the end was not the rest of it.
    const early = readArguments(before, limits);
    return early.invalid === undefined ? early : read;
  }

  #nameless(): ReadArguments {
    const raw = this.#text().slice(0, this.#context.limits.maxArgumentsCharacters);
    return invalidArguments(raw, 'the call has no name');
  }

  #text(): string {
    const { arguments: args, invalid } = this.#arguments();
    return invalid?.raw ?? JSON.stringify(args);
  }

  #otherDelta(delta: Record<string, unknown>): number | undefined {
    if (kindOfDelta(delta['type']) !== undefined || this.isDelivered) return undefined;
    const size = sizeOf(delta);
    if (size !== undefined) addDelta(this.#start, delta);
    return size ?? 0;
  }
}

const CALL_FIELDS: ReadonlySet<string> = new Set(['type', 'id', 'name', 'input']);

/** Whether a call has fields that must go back with it, as the code that called it. */
function hasMore(start: Record<string, unknown>): boolean {
  return Object.entries(start).some(function isMore([name, value]) {
    if (CALL_FIELDS.has(name) || value === null) return false;
    return name !== 'caller' || !isRecord(value) || value['type'] !== 'direct';
  });
}
