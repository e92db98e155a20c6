import type { StreamChunk } from '../../../src/index.ts';
import { text, type ReplyContext } from '../../wire/index.ts';

import { CallBlock } from './call-block.ts';
import { isOffered } from './offered-tools.ts';
import type { AnsweredCall } from './results.ts';

/** What follows a call: another tool call, or something else. */
export type Follower = 'call' | 'other';

/**
 * The calls of a reply, delivered in the order in which they began. A call waits until something has followed it, because
 * only then is it known that the reply was not cut within it and that the provider does not answer it.
 */
export class CallQueue {
  readonly #context: ReplyContext;
  /** The calls that were not delivered yet, in order. */
  readonly #waiting: CallBlock[] = [];
  /** The latest call of each id that the server gave. */
  readonly #byRawId = new Map<string, CallBlock>();
  readonly #ids = new Set<string>();
  readonly #delivered: CallBlock[] = [];
  /** How many calls have begun. */
  size = 0;
  /** How many calls were delivered for the client to run. */
  clientCalls = 0;
  /** How many calls were delivered that the provider runs. */
  hostedCalls = 0;

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  /** Begins a call. */
  open(start: Record<string, unknown>, key: number | undefined, out: StreamChunk[]): CallBlock {
    this.size += 1;
    const rawId = text(start['id']) || undefined;
    const isRepeat = rawId !== undefined && this.#byRawId.has(rawId);
    const call = new CallBlock(start, { id: this.#freeId(rawId), key, isRepeat }, this.#context, out);
    if (rawId !== undefined) this.#byRawId.set(rawId, call);
    this.#waiting.push(call);
    return call;
  }

  /** Whether a start repeats that of the open call at its index. */
  reopen(start: Record<string, unknown>, key: number | undefined): boolean {
    const call = this.#lastAt(key);
    if (call?.rawId === undefined || call.isStopped || !call.isBlank) return false;
    if (call.rawId !== start['id'] || call.name !== start['name']) return false;
    call.restart(start);
    return true;
  }

  /** The call that a piece of input belongs to if there is no open call at its index. */
  forInput(key: number | undefined): CallBlock | undefined {
    const call = this.#lastAt(key) ?? this.#waiting.findLast((one) => one.isBlank);
    if (call !== undefined) call.key = key;
    return call;
  }

  /** Whether a piece of input that belongs to no call repeats the complete input of one. */
  repeats(delta: Record<string, unknown>): boolean {
    return [...this.#waiting, ...this.#delivered].some((call) => call.repeatsInput(delta));
  }

  /** Stops a call whose index another block uses now. */
  stopAt(key: number | undefined, out: StreamChunk[]): void {
    const call = this.#waiting.findLast((one) => one.key === key && !one.isStopped);
    if (call !== undefined) this.stop(call, out);
  }

  /** Takes the server's word that a call is complete. */
  stop(call: CallBlock, out: StreamChunk[]): void {
    if (!call.isStopped) call.isBroken = false;
    call.isStopped = true;
    // The client does not run this call, and the provider may take long to run it. It is delivered before its result
    // begins.
    for (let [head] = this.#waiting; head?.isHosted === true && head.isStopped; [head] = this.#waiting) {
      if (!head.isWhole()) return;
      this.#deliver(head, out);
    }
  }

  /** Notes that something follows, and delivers the calls that may now be delivered. */
  follow(follower: Follower, out: StreamChunk[]): void {
    for (const call of this.#waiting) {
      if (!call.isStopped) this.#replaced(call);
      if (call.isStopped) call.isFollowed = true;
    }
    for (let [head] = this.#waiting; head?.isStopped === true; [head] = this.#waiting) {
      // Results come after all the calls of a turn.
      if (follower === 'call' && !head.isHosted && !isOffered(head.name, this.#context)) return;
      // The rest of its input may come under another index.
      if (head.isBroken) return;
      if (!head.isBlank && !head.isWhole()) {
        head.isBroken = true;
        return;
      }
      this.#deliver(head, out);
    }
  }

  /**
   * Takes the id of a call that the provider answers. The provider ran the call, unless the request offers its tool.
   * Delivers the call. Undefined if the call is not in this reply.
   */
  answer(rawId: string, out: StreamChunk[]): AnsweredCall | undefined {
    const call = this.#byRawId.get(rawId);
    if (call !== undefined && !call.isDelivered) {
      call.isStopped = true;
      if (!isOffered(call.name, this.#context)) call.markHosted();
    }
    this.follow('call', out);
    if (call !== undefined && !call.isDelivered && call.isHosted) this.#deliver(call, out);
    return call;
  }

  /** Ends the reply: delivers the remaining calls. If the reply was cut, a call with incomplete input is left out. */
  end(isCut: boolean, out: StreamChunk[]): void {
    for (const call of [...this.#waiting]) {
      if (isCut && !call.isFollowed && !call.isWhole()) continue;
      this.#deliver(call, out);
    }
  }

  /** Another block begins while a call is open. Some servers send no stops, others mix blocks. */
  #replaced(call: CallBlock): void {
    if (call.isBroken || call.isBlank) return;
    if (call.isWhole()) call.isStopped = true;
    else call.isBroken = true;
  }

  #deliver(call: CallBlock, out: StreamChunk[]): void {
    this.#waiting.splice(this.#waiting.indexOf(call), 1);
    call.isDelivered = true;
    const { rawId } = call;
    const twin = call.isRepeat
      ? this.#delivered.find((one) => one.rawId === rawId && one.isSameAs(call))
      : undefined;
    if (rawId !== undefined && twin !== undefined) this.#byRawId.set(rawId, twin);
    // The call came twice, or has neither a name nor input.
    if (twin !== undefined || (call.name === '' && call.isBlank)) return;
    this.#delivered.push(call);
    if (call.isHosted) this.hostedCalls += 1;
    else this.clientCalls += 1;
    call.deliver(out);
  }

  #lastAt(key: number | undefined): CallBlock | undefined {
    return this.#waiting.findLast((one) => one.key === key);
  }

  /** The server's id, or a similar one if another call has it. */
  #freeId(rawId: string | undefined): string {
    const wanted = rawId ?? `call_${this.size}`;
    let id = wanted;
    for (let more = 2; this.#ids.has(id); more++) id = `${wanted}_${more}`;
    this.#ids.add(id);
    return id;
  }
}
