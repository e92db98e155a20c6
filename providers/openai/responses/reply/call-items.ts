import type { ProviderBlock, StreamChunk, ToolCallChunk } from '../../../../src/index.ts';
import {
  streamError,
  UNKNOWN_TOOL,
  filled,
  blockFrom,
  invalidArguments,
  isRecord,
  readArguments,
} from '../../../wire/index.ts';
import type { ReadArguments } from '../../../wire/index.ts';

import type { OpenAIReplyContext } from '../../shared/reply-context.ts';
import { argumentsOf, CallItem, textOf } from './call-item.ts';
import { identityOf, isNameless, isRepeated, ItemTable } from './item-table.ts';
import type { Identity } from './item-table.ts';
import { WaitingCalls } from './waiting-calls.ts';
import { OfferedTools } from './offered-tools.ts';

type Json = Record<string, unknown>;

/** The calls of a reply. Each is delivered once, when it is complete. */
export class CallItems {
  /** How many of the delivered calls the client has to run. */
  own = 0;
  readonly table = new ItemTable<CallItem>();
  readonly offered: OfferedTools;
  /** The ids of the calls that have a result in the final list. */
  answered: ReadonlySet<string> = new Set();
  readonly #context: OpenAIReplyContext;
  /** The ids in use, and how often each was wanted. */
  readonly #ids = new Map<string, number>();
  /** The arguments of the delivered calls. */
  readonly #texts = new Set<string>();
  readonly #waiting = new WaitingCalls();
  /** The call of the last delta, and the ids in that delta. Nearly every delta has the same ids as the one before. */
  #last: CallItem | undefined;
  #index: unknown;
  #itemId: unknown;
  #sequence: unknown;
  #content: unknown;
  /** How much of the call had come before its first delta here. */
  #length = 0;
  #made = 0;

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
    this.offered = new OfferedTools(context);
  }

  /** Takes the announcement of a call. */
  announce(event: Json, json: Json, out: StreamChunk[]): void {
    const who = identityOf(event, json);
    const call = this.#announced(who) ?? this.#begin(who);
    this.#forget();
    if (call.closed) return;
    this.table.note(call, who);
    call.describe(json);
    this.#send(call, out);
  }

  /** Takes the next characters of a call's arguments, or of the input of a custom tool. */
  delta(event: Json, custom: boolean, out: StreamChunk[]): void {
    const content = event['delta'];
    if (typeof content !== 'string' || content === '') return;
    let call = this.#last;
    if (call === undefined || this.#index !== event['output_index'] || this.#itemId !== event['item_id']) {
      const who = identityOf(event);
      this.#forget();
      this.table.keepsIds ||= this.table.withId(who.id) !== undefined;
      call = this.#known(who) ?? this.#open(who) ?? this.#begin(who);
      call.custom ||= custom;
      this.#last = call;
      this.#length = call.text.length;
      this.#index = event['output_index'];
      this.#itemId = event['item_id'];
    }
    const sequence = event['sequence_number'];
    if (content === this.#content && isRepeated(sequence, this.#sequence)) return;
    this.#sequence = sequence;
    this.#content = content;
    // The call is invalid already, whatever follows.
    if (call.closed || call.whole || call.text.length > this.#context.limits.maxArgumentsCharacters) return;
    const { given: id, text, sent, name, named } = call;
    call.text += content;
    // A slice of a growing text would copy all of it for each delta.
    const nameIsNew = name !== undefined && !named;
    if (id === undefined || sent !== text.length || nameIsNew) return this.#send(call, out);
    call.sent += content.length;
    out.push({ type: 'tool_call_delta', id, argumentsDelta: content, call: 0 });
  }

  /** Takes the complete arguments of a call, or the complete input of a custom tool. */
  whole(event: Json, text: unknown, custom: boolean, out: StreamChunk[]): void {
    const whole = textOf(text);
    if (whole === undefined) return;
    const who = identityOf(event);
    const placed = isNameless(who) ? undefined : this.#open(who);
    const call = this.table.known(who) ?? placed ?? this.#alike(who, whole) ?? this.#begin(who);
    if (call.closed) return;
    call.name ??= filled(event['name']);
    call.custom ||= custom;
    this.#forget();
    call.settle(whole);
    this.#send(call, out);
  }

  /** Takes a complete call, and delivers it unless the reply was cut within it. */
  close(event: Json, json: Json, out: StreamChunk[]): void {
    const who = identityOf(event, json);
    this.closeAs(this.#same(who, json), who, json, out);
  }

  /** Takes a complete call, which is the known one, or a new one if `known` is undefined. */
  closeAs(known: CallItem | undefined, who: Identity, json: Json, out: StreamChunk[]): void {
    const call = known ?? this.#begin(who);
    this.#forget();
    if (call.closed) return;
    if (who.callId !== undefined && who.callId !== call.callId) call.rename(who.callId);
    this.table.note(call, who);
    call.describe(json);
    const text = argumentsOf(json);
    // Some servers send the arguments earlier, and an empty text here.
    if (text !== undefined && (text !== '' || call.text === '')) call.settle(text);
    call.whole = json['status'] !== 'incomplete';
    // Only the end of the reply tells whether it was cut within the call.
    if (call.whole) this.#finish(call, out);
  }

  /** Takes the result of a call that the provider ran itself. Returns false if no such call is known. */
  answer(json: Json, block: ProviderBlock, out: StreamChunk[]): boolean {
    const { ran, wasWaiting } = this.#waiting.answer(json, block, out);
    if (wasWaiting) this.own--;
    return ran;
  }

  /** Delivers the calls that wait for a result. */
  release(out: StreamChunk[]): void {
    this.#waiting.release(out);
  }

  /** Ends the reply: delivers the calls whose end never came, unless the reply was cut within them. */
  end(isCut: boolean, out: StreamChunk[]): void {
    for (const call of this.table.items) {
      if (call.closed || (isCut && !call.whole)) continue;
      call.text = call.content;
      if (call.name === undefined && call.json === undefined && this.#isRemnant(call)) continue;
      this.#finish(call, out);
    }
    this.release(out);
  }

  /** The call of the next delta is looked up again. */
  #forget(): void {
    const came = (this.#last?.text.length ?? 0) - this.#length;
    const last = typeof this.#content === 'string' ? this.#content.length : 0;
    // More than one delta came with the same id.
    if (this.#itemId !== undefined && came > last) this.table.keepsIds = true;
    this.#last = undefined;
  }

  #begin(who: Identity): CallItem {
    const { maxToolCalls } = this.#context.limits;
    if (this.table.items.length >= maxToolCalls) {
      throw streamError(
        this.#context,
        'protocol',
        `the tool calls exceed limits.maxToolCalls (${maxToolCalls})`,
      );
    }
    return this.table.add(new CallItem(), who);
  }

  /** The call that is announced again. */
  #announced(who: Identity): CallItem | undefined {
    const known = this.table.known(who);
    if (known !== undefined) {
      return known.callId === undefined || who.callId === undefined || known.callId === who.callId
        ? known
        : undefined;
    }
    const placed = this.table.placed(who.index);
    const isFresh = placed?.text === '' && placed.id === undefined && placed.callId === undefined;
    return isFresh && who.id === undefined && who.callId === undefined ? placed : undefined;
  }

  /** The call with the ids of an event, which may have a new id for it. */
  #known(who: Identity): CallItem | undefined {
    return this.table.known(who) === undefined ? undefined : this.table.likely(who);
  }

  /** The call that an event most likely belongs to, if its arguments are not complete. */
  #open(who: Identity): CallItem | undefined {
    const call = this.table.likely(who);
    return call?.closed === false && !call.whole ? call : undefined;
  }

  /** The call that complete arguments belong to, judged by its text. llama.cpp sends them without any id. */
  #alike(who: Identity, whole: string): CallItem | undefined {
    const open = this.table
      .recent(who)
      .toReversed()
      .filter((call) => !call.closed && !call.whole);
    const same = open.find((call) => call.text !== '' && call.text === whole);
    if (same !== undefined || !isNameless(who)) return same;
    const begun = open.find((call) => call.text !== '' && whole.startsWith(call.text));
    return begun ?? open.find((call) => call.text === '');
  }

  /** The call that a complete item belongs to. */
  #same(who: Identity, json: Json): CallItem | undefined {
    const known = this.table.known(who);
    if (known !== undefined) return known;
    const likely = isNameless(who) ? undefined : this.table.likely(who);
    if (likely?.closed === false && likely.fits(who, json)) return likely;
    const text = argumentsOf(json) ?? '';
    const alike = this.table
      .recent(who)
      .toReversed()
      .filter((call) => call.fits(who, json) && (isNameless(who) || !call.closed));
    const same = alike.find((call) => call.text !== '' && call.text === text);
    if (same !== undefined || !isNameless(who)) return same;
    return alike.find((call) => !call.closed && text.startsWith(call.text));
  }

  /** Pushes new text as a delta, as soon as the call's id is known. */
  #send(call: CallItem, out: StreamChunk[]): void {
    const { name, text } = call;
    if (call.given === undefined) {
      if (call.callId === undefined || this.offered.isServerCall(call)) return;
      call.given = this.#newId(call.callId);
    }
    const nameIsNew = name !== undefined && !call.named;
    if (!nameIsNew && text.length === call.sent) return;
    const argumentsDelta = call.sent === 0 ? text : text.slice(call.sent);
    call.sent = text.length;
    call.named ||= nameIsNew;
    const id = call.given;
    out.push({ type: 'tool_call_delta', id, ...(nameIsNew && { name }), argumentsDelta, call: 0 });
  }

  #finish(call: CallItem, out: StreamChunk[]): void {
    call.closed = true;
    this.#texts.add(call.text);
    const isOffered = this.offered.has(call.name, call.custom);
    const isServers = this.offered.isServerCall(call) || (!isOffered && this.answered.has(call.callId ?? ''));
    const id = (call.given ??= this.#newId(call.callId ?? call.id ?? `call_${++this.#made}`));
    if (!isServers) this.#send(call, out);
    const chunk: ToolCallChunk = {
      type: 'tool_call',
      id,
      name: call.name ?? UNKNOWN_TOOL,
      ...this.#read(call, isServers),
      ...(isServers && { providerExecuted: true }),
      ...this.#block(call, id),
      call: 0,
    };
    if (!isServers) this.own++;
    const waits = !isServers && !isOffered && call.callId !== undefined;
    this.#waiting.deliver(chunk, call.callId ?? id, waits, out);
  }

  #read(call: CallItem, isServers: boolean): ReadArguments {
    const { text } = call;
    const max = this.#context.limits.maxArgumentsCharacters;
    if (call.name === undefined) return invalidArguments(text.slice(0, max), 'the call has no name');
    if (!call.custom || text.length > max) return readArguments(text, this.#context.limits);
    const parsed = isServers ? readArguments(text, this.#context.limits) : undefined;
    return parsed !== undefined && isRecord(parsed.arguments) && parsed.invalid === undefined
      ? parsed
      : { arguments: text };
  }

  /** The block for the next turn: the item as it came, completed if it was not. */
  #block({ json, name, callId, custom, text }: CallItem, id: string): { block?: ProviderBlock } {
    if (json === undefined || name === undefined) return {};
    const field = custom ? 'input' : 'arguments';
    const isVerbatim = id === callId && argumentsOf(json) === text && json['status'] !== 'in_progress';
    const data = isVerbatim ? json : { ...json, call_id: id, name, [field]: text, status: 'completed' };
    return { block: blockFrom(this.#context.origin, data) };
  }

  /** A unique id. Two calls with the same id could not be answered. */
  #newId(wanted: string): string {
    let count = this.#ids.get(wanted) ?? 0;
    let id = wanted;
    if (count > 0)
      do id = `${wanted}_${++count}`;
      while (this.#ids.has(id));
    this.#ids.set(wanted, Math.max(count, 1));
    if (id !== wanted) this.#ids.set(id, 1);
    return id;
  }

  /** Whether arguments without an item repeat those of a delivered call, or are only a part of some. */
  #isRemnant({ text, whole }: CallItem): boolean {
    if (text.trim() === '' || this.#texts.has(text)) return true;
    return !whole && readArguments(text, this.#context.limits).invalid !== undefined;
  }
}
