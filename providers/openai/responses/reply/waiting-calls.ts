import type { ProviderBlock, StreamChunk, ToolCallChunk } from '../../../../src/index.ts';
import { filled, isRecord } from '../../../wire/index.ts';

type Json = Record<string, unknown>;

/**
 * Finished calls of tools that the client did not offer. A server that runs them itself sends their results after them. So
 * they wait until an item comes that is neither a call nor a result. Other calls and results meanwhile wait, too, to keep
 * the order.
 */
export class WaitingCalls {
  #waitingChunks: StreamChunk[] = [];
  /** By call id: the calls that wait, and those that the provider ran. */
  readonly #waiting = new Map<string, ToolCallChunk>();
  readonly #ran = new Map<string, ToolCallChunk>();

  /** Delivers a call. With `waits`, only when it is known whether its result comes. */
  deliver(call: ToolCallChunk, callId: string, waits: boolean, out: StreamChunk[]): void {
    if (call.providerExecuted === true) this.#ran.set(callId, call);
    if (waits) this.#waiting.set(callId, call);
    const to = waits || this.#waitingChunks.length > 0 ? this.#waitingChunks : out;
    to.push(call);
  }

  /**
   * Takes the result of a call. Returns whether the provider ran the call, and whether the call counted as the client's
   * until now.
   */
  answer(json: Json, block: ProviderBlock, out: StreamChunk[]): { ran: boolean; wasWaiting: boolean } {
    const callId = filled(json['call_id']) ?? '';
    const waiting = this.#waiting.get(callId);
    if (waiting !== undefined) {
      waiting.providerExecuted = true;
      this.#waiting.delete(callId);
      this.#ran.set(callId, waiting);
    }
    const call = this.#ran.get(callId);
    if (call === undefined) return { ran: false, wasWaiting: false };
    const { id, name } = call;
    const content = resultText(json['output']);
    const isError = json['status'] === 'failed';
    const to = this.#waitingChunks.length > 0 ? this.#waitingChunks : out;
    to.push({ type: 'tool_result', id, name, content, isError, providerExecuted: true, block, call: 0 });
    return { ran: true, wasWaiting: waiting !== undefined };
  }

  /** Delivers the calls that wait, because something else has come and no result will follow. */
  release(out: StreamChunk[]): void {
    if (this.#waitingChunks.length === 0) return;
    out.push(...this.#waitingChunks);
    this.#waitingChunks = [];
    this.#waiting.clear();
  }
}

/** The text of a result: a text, the texts of its parts, or any other value as JSON. */
function resultText(output: unknown): string {
  if (typeof output === 'string') return output;
  const isText =
    Array.isArray(output) && output.every((part) => isRecord(part) && typeof part['text'] === 'string');
  if (isText) return output.map((part: Json) => part['text']).join('');
  return output === undefined || output === null ? '' : JSON.stringify(output);
}
