import type { PendingCall, ToolCallChunk, ToolCallDeltaChunk, ToolResultChunk } from '../../src/index.ts';
import type { SentEnd } from '../stream/parts.ts';
import { pendingFor } from './ending.ts';
import type { EncoderOptions } from './format.ts';
import type { UiChunk, UiParts } from './ui-parts.ts';

type Numbered<T> = T & { call: number };

/** The tool calls of a message. Tools that the page does not have are `dynamic`: it has no type for them. */
export class UiTools {
  readonly #options: EncoderOptions;
  /** Calls whose input is still coming: their names. */
  #inputs = new Map<string, string>();
  /** Pieces of input that came before the name. */
  #nameless = new Map<string, string>();
  /** The calls that the client knows, and the step that began each; 0 for those that it had before. */
  readonly #known = new Map<string, number>();

  constructor(options: EncoderOptions) {
    this.#options = options;
    for (const id of options.continues?.calls ?? []) this.#known.set(id, 0);
  }

  knows(id: string): boolean {
    return this.#known.has(id);
  }

  delta(
    { id, name, argumentsDelta, call }: Numbered<ToolCallDeltaChunk>,
    parts: UiParts,
    out: UiChunk[],
  ): void {
    const pieces = (this.#nameless.get(id) ?? '') + argumentsDelta;
    let toolName = this.#inputs.get(id);
    if (toolName === undefined) {
      // It has been told as a whole already.
      if (this.knows(id)) return;
      if (name === undefined) {
        this.#nameless.set(id, pieces);
        return;
      }
      toolName = name;
      parts.close(out);
      parts.round(call, out);
      this.#add(id, parts);
      this.#inputs.set(id, toolName);
      this.#nameless.delete(id);
      out.push({ type: 'tool-input-start', toolCallId: id, toolName, ...this.#kind(toolName) });
    }
    if (pieces !== '') out.push({ type: 'tool-input-delta', toolCallId: id, inputTextDelta: pieces });
  }

  call(chunk: Numbered<ToolCallChunk>, parts: UiParts, out: UiChunk[]): void {
    const { id, name, invalid, call } = chunk;
    parts.close(out);
    parts.round(call, out);
    this.#inputs.delete(id);
    this.#nameless.delete(id);
    this.#add(id, parts);
    const head = { toolCallId: id, toolName: name, ...this.#kind(name, chunk.providerExecuted) };
    if (invalid === undefined)
      out.push({ type: 'tool-input-available', ...head, input: chunk.arguments ?? {} });
    else out.push({ type: 'tool-input-error', ...head, input: invalid.raw, errorText: invalid.reason });
  }

  result(chunk: Numbered<ToolResultChunk>, parts: UiParts, out: UiChunk[]): void {
    const { id, name, content, isError, providerExecuted } = chunk;
    // A client that does not know the call cannot take its result.
    if (!this.knows(id)) return;
    if (providerExecuted !== true) parts.resulted(chunk.call);
    const kind = this.#kind(name, providerExecuted);
    if (this.#options.continues?.denied.has(id) === true && (this.#options.version ?? 5) >= 6)
      out.push({ type: 'tool-output-denied', toolCallId: id });
    else if (isError) out.push({ type: 'tool-output-error', toolCallId: id, errorText: content, ...kind });
    else out.push({ type: 'tool-output-available', toolCallId: id, output: outputOf(chunk), ...kind });
  }

  /** Ends calls whose input never became whole, and asks for decisions. */
  settle(end: SentEnd, parts: UiParts, out: UiChunk[]): void {
    for (const [toolCallId, toolName] of this.#inputs)
      out.push({
        type: 'tool-input-error',
        ...{ toolCallId, toolName, ...this.#kind(toolName), input: null },
        errorText: 'The model stopped before the end of this call.',
      });
    for (const pending of [...pendingFor(end, 'approval'), ...pendingFor(end, 'unknown')])
      this.#ask(pending, parts, out);
  }

  /** The client drops the calls of the open step. */
  resetStep({ steps }: UiParts): void {
    for (const [id, step] of this.#known) if (step === steps) this.#known.delete(id);
    this.#inputs = new Map();
    this.#nameless = new Map();
  }

  #ask(
    { callId, name, arguments: input, reason, ...more }: PendingCall,
    parts: UiParts,
    out: UiChunk[],
  ): void {
    const version = this.#options.version ?? 5;
    // A call inside an agent has not been shown.
    if (!this.knows(callId)) {
      parts.round(0, out);
      this.#add(callId, parts);
      out.push({
        type: 'tool-input-available',
        toolCallId: callId,
        toolName: name,
        input,
        ...this.#kind(name),
      });
    }
    if (version >= 6)
      out.push({
        ...{ type: 'tool-approval-request', approvalId: callId, toolCallId: callId },
        ...(reason !== undefined && version >= 7 && { reason }),
      });
    // `ai` 5 knows of no approval: the page asks for itself, and sends `decisions`.
    else {
      const { waitsFor, expiresAt, metadata } = more;
      const said = {
        ...(reason !== undefined && { reason }),
        ...(expiresAt !== undefined && { expiresAt }),
        ...(metadata !== undefined && { metadata }),
      };
      out.push({
        ...{ type: 'data-approval', id: callId },
        data: { toolCallId: callId, toolName: name, input, waitsFor, ...said },
      });
    }
  }

  #add(id: string, { steps }: UiParts): void {
    if (!this.#known.has(id)) this.#known.set(id, steps);
  }

  #kind(name: string, providerExecuted?: true): Record<string, true> {
    return {
      ...(this.#options.clientTools?.has(name) !== true && { dynamic: true }),
      ...(providerExecuted === true && { providerExecuted }),
    };
  }
}

/** What a tool gave. Data that it gave as JSON is data again; text stays text. */
function outputOf({ content, parts }: ToolResultChunk): unknown {
  if (parts !== undefined) return parts;
  if (!/^\s*[[{]/.test(content)) return content;
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}
