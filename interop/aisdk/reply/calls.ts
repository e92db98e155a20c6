import type { FinishReason, StreamChunk, ToolCallChunk } from '../../../src/index.ts';
import { SluiceError } from '../../../src/index.ts';
import {
  MAY_CUT_CALLS,
  checkedArguments,
  filled,
  readArguments,
  text,
} from '../../../providers/wire/index.ts';
import type { Limits, Origin, ReadArguments } from '../../../providers/wire/index.ts';
import { keptBlock, metadataOf } from '../blocks.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A call whose arguments the model is still writing. */
interface OpenInput {
  id: string;
  name: string;
  providerExecuted: boolean;
}

/**
 * The tool calls of one reply. Their ids are valid only within the reply, and some services give two calls the same one: the second gets another. A
 * call is delivered in its place, except one that may have been cut: this waits, with all that follows it, for the finish reason.
 */
export class Calls {
  readonly #provider: string;
  readonly #limits: Limits;
  readonly #origin: Origin;
  /** By the model's id: the calls that are being written. */
  readonly #open = new Map<string, OpenInput>();
  /** By the model's id: our id of the latest call with it. */
  readonly #latest = new Map<string, string>();
  readonly #given = new Set<string>();
  #count = 0;
  #held: StreamChunk[] | undefined;

  constructor(provider: string, limits: Limits, origin: Origin) {
    this.#provider = provider;
    this.#limits = limits;
    this.#origin = origin;
  }

  /** Whether there are calls for the client to run. */
  hasOwn = false;

  /** Where chunks go: into the batch, or behind a call that waits. */
  target(out: StreamChunk[]): StreamChunk[] {
    return this.#held ?? out;
  }

  /** `tool-input-start` */
  begin(part: Fields): void {
    const id = this.#newId(part['id']);
    const name = text(part['toolName']) ?? '';
    this.#open.set(key(part['id']), { id, name, providerExecuted: part['providerExecuted'] === true });
  }

  /** `tool-input-delta`. Gives the next piece of the arguments, which is provisional. */
  delta(part: Fields, out: StreamChunk[]): void {
    const input = this.#open.get(key(part['id']));
    const argumentsDelta = text(part['delta']);
    if (input === undefined || input.providerExecuted || !argumentsDelta) return;
    const { id, name } = input;
    this.target(out).push({ type: 'tool_call_delta', id, name, argumentsDelta });
  }

  /** `tool-call` */
  call(part: Fields, out: StreamChunk[]): void {
    const wireId = key(part['toolCallId']);
    const input = this.#open.get(wireId);
    this.#open.delete(wireId);
    const id = input?.id ?? this.#newId(part['toolCallId']);
    const name = filled(part['toolName']) ?? input?.name ?? '';
    const read = this.#read(part['input']);
    const providerExecuted = part['providerExecuted'] === true;
    const providerMetadata = metadataOf(part);
    const isKept = providerExecuted || providerMetadata !== undefined;
    const chunk: ToolCallChunk = {
      ...{ type: 'tool_call', id, name, ...read },
      ...(providerExecuted && { providerExecuted }),
      ...(isKept && { block: keptBlock(this.#origin, { providerMetadata }) }),
    };
    if (!providerExecuted && (read.invalid !== undefined || isBlank(part['input']))) this.#held ??= [];
    if (!providerExecuted) this.hasOwn = true;
    this.target(out).push(chunk);
  }

  /** Our id of the call that a result belongs to. Undefined if there was none. */
  idOf(wireId: unknown): string | undefined {
    return this.#latest.get(key(wireId));
  }

  /** Gives what waited. If the reply was cut, the calls that may have been cut are left out. Returns whether any call is left for the client. */
  settle(finishReason: FinishReason, out: StreamChunk[]): void {
    const isCut = MAY_CUT_CALLS.has(finishReason);
    for (const chunk of this.#held ?? []) {
      const isDoubtful =
        chunk.type === 'tool_call' &&
        chunk.providerExecuted !== true &&
        (chunk.invalid !== undefined || isEmpty(chunk.arguments));
      if (!isCut || !isDoubtful) out.push(chunk);
    }
    this.#held = undefined;
  }

  /** The names of calls that were begun and never finished. */
  get unfinished(): string[] {
    return [...this.#open.values()].map(({ name }) => name);
  }

  #read(input: unknown): ReadArguments {
    return typeof input === 'string'
      ? readArguments(input, this.#limits)
      : checkedArguments(input ?? {}, this.#limits);
  }

  #newId(wireId: unknown): string {
    if (++this.#count > this.#limits.maxToolCalls) {
      const message = `${this.#provider}: the tool calls exceed limits.maxToolCalls (${this.#limits.maxToolCalls})`;
      throw new SluiceError('protocol', message, { provider: this.#provider, retryable: false });
    }
    const base = filled(wireId) ?? `call_${this.#count}`;
    let id = base;
    for (let number = 2; this.#given.has(id); number++) id = `${base}_${number}`;
    this.#given.add(id);
    this.#latest.set(key(wireId), id);
    return id;
  }
}

function key(wireId: unknown): string {
  return typeof wireId === 'string' ? wireId : '';
}

function isBlank(input: unknown): boolean {
  return input === undefined || (typeof input === 'string' && input.trim() === '');
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
