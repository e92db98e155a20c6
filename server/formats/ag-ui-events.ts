import { isVoided } from '../../src/index.ts';
import type {
  ContentChunk,
  FileChunk,
  ResetChunk,
  ThinkingChunk,
  ToolCallChunk,
  ToolCallDeltaChunk,
  ToolProgressChunk,
  ToolResultChunk,
} from '../../src/index.ts';
import { ACTIVITIES, AgUiMessages, addText, textOf, type AgUiCall, type AgUiJson } from './ag-ui-messages.ts';
import type { AgUiRun } from './format.ts';
import { sealedBlock } from './sealed-block.ts';

type Numbered<T> = T & { call: number };

/** Makes events of chunks, in the order that the protocol wants: what is opened is closed, and nothing is added to what is not open. */
export class AgUiEvents {
  readonly messages: AgUiMessages;
  readonly #prefix: string;
  #text: ReturnType<AgUiMessages['said']> | undefined;
  #thought: ReturnType<AgUiMessages['thought']> | undefined;

  /** `turnId`: ids are made of it and of positions, so they are the same for every reader. */
  constructor(turnId: string, before: AgUiRun['messages']) {
    this.#prefix = turnId;
    // A client that joins may have a part of the run already, which is told again.
    const own = `${turnId}:`;
    const isOwn = (id: unknown): boolean => typeof id === 'string' && id.startsWith(own);
    this.messages = new AgUiMessages(before.filter(({ id }) => !isOwn(id)));
  }

  content({ content, call }: Numbered<ContentChunk>, position: number, out: AgUiJson[]): void {
    if (content === '') return;
    this.#closeThought(out);
    if (this.#text === undefined) {
      this.#text = this.messages.said(this.#id(position), call, true);
      out.push({ type: 'TEXT_MESSAGE_START', messageId: this.#text.id, role: 'assistant' });
    }
    addText(this.#text.content, call, content);
    out.push({ type: 'TEXT_MESSAGE_CONTENT', messageId: this.#text.id, delta: content });
  }

  thinking({ content, block, call }: Numbered<ThinkingChunk>, position: number, out: AgUiJson[]): void {
    const sealed = block === undefined ? undefined : sealedBlock(block);
    if (content !== '' || sealed !== undefined) this.#openThought(position, call, out);
    const thought = this.#thought;
    if (thought === undefined) return;
    const { id } = thought;
    if (content !== '') {
      addText(thought.content, call, content);
      out.push({ type: 'REASONING_MESSAGE_CONTENT', messageId: id, delta: content });
    }
    if (sealed !== undefined) {
      thought.encryptedValue = sealed;
      out.push({
        ...{ type: 'REASONING_ENCRYPTED_VALUE', subtype: 'message' },
        ...{ entityId: id, encryptedValue: sealed },
      });
    }
    if (block !== undefined) this.#closeThought(out);
  }

  delta(chunk: Numbered<ToolCallDeltaChunk>, position: number, out: AgUiJson[]): void {
    const { id, name, argumentsDelta } = chunk;
    let call = this.#openCall(id);
    if (call === undefined) {
      // Without a name it cannot begin; the whole call follows.
      if (name === undefined || this.messages.knows(id)) return;
      call = this.#begin(id, name, chunk.call, position, out);
    }
    this.#args(call, argumentsDelta, out);
  }

  /** A whole call. If it is another one than what was shown of it, a snapshot says so. */
  call(chunk: Numbered<ToolCallChunk>, position: number, out: AgUiJson[]): void {
    const { id, name, invalid, providerExecuted } = chunk;
    const args = invalid?.raw ?? JSON.stringify(chunk.arguments ?? {});
    const open = this.#openCall(id);
    if (open === undefined && this.messages.knows(id)) return;
    const call = open ?? this.#begin(id, name, chunk.call, position, out);
    if (call.args === '') this.#args(call, args, out);
    const isSame = call.name === name && sameJson(call.args, args);
    call.isOpen = false;
    call.isProviders = providerExecuted === true;
    out.push({ type: 'TOOL_CALL_END', toolCallId: id });
    if (isSame) return;
    call.name = name;
    call.args = args;
    this.snapshot(out);
  }

  result(chunk: Numbered<ToolResultChunk>, position: number, out: AgUiJson[]): void {
    const { id } = chunk;
    if (!this.messages.knows(id)) return;
    this.#close(out);
    const content = contentOf(chunk);
    const messageId = this.#id(position);
    this.messages.result(messageId, chunk.call, id, content);
    out.push({ type: 'TOOL_CALL_RESULT', messageId, toolCallId: id, content, role: 'tool' });
  }

  progress({ id, name, data, call }: Numbered<ToolProgressChunk>, out: AgUiJson[]): void {
    const content = { toolCallId: id, toolName: name, data };
    this.#activity(`${this.#prefix}:progress:${id}`, call, ACTIVITIES.progress, content, out);
  }

  file({ mediaType, url, data, call }: Numbered<FileChunk>, position: number, out: AgUiJson[]): void {
    const content = { mediaType, ...(url === undefined ? { data: data ?? '' } : { url }) };
    this.#activity(this.#id(position), call, ACTIVITIES.file, content, out);
  }

  reset(reset: ResetChunk, out: AgUiJson[]): void {
    const isVoid = (call: number): boolean => isVoided(reset, call);
    if (!this.messages.hasVoid(isVoid)) return;
    this.#end(out);
    this.messages.dropOpenCalls();
    this.messages.drop(isVoid);
    this.snapshot(out);
  }

  /** Ends all that is open. Calls that never became whole are taken back. */
  closeAll(out: AgUiJson[]): void {
    this.#end(out);
    if (this.messages.dropOpenCalls()) this.snapshot(out);
  }

  snapshot(out: AgUiJson[]): void {
    out.push(this.messages.snapshot(`${this.#prefix}:none`));
  }

  /** For a client that joins: all messages, and what is open once more from its beginning. */
  caughtUp(out: AgUiJson[]): void {
    this.snapshot(out);
    for (const message of this.messages.open()) {
      const { id: messageId } = message;
      const content = textOf(message.content);
      if (message.role === 'reasoning') {
        out.push(
          { type: 'REASONING_START', messageId },
          { type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' },
          ...(content === '' ? [] : [{ type: 'REASONING_MESSAGE_CONTENT', messageId, delta: content }]),
        );
        continue;
      }
      if (message.isOpen)
        out.push(
          { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' },
          { type: 'TEXT_MESSAGE_CONTENT', messageId, delta: content },
        );
      for (const call of message.calls) {
        if (!call.isOpen) continue;
        out.push(startOf(call, messageId));
        if (call.args !== '') out.push({ type: 'TOOL_CALL_ARGS', toolCallId: call.id, delta: call.args });
      }
    }
  }

  #id(position: number): string {
    return `${this.#prefix}:${position}`;
  }

  #openCall(id: string): AgUiCall | undefined {
    return this.messages.calls().find((call) => call.id === id && call.isOpen);
  }

  #begin(id: string, name: string, number: number, position: number, out: AgUiJson[]): AgUiCall {
    this.#close(out);
    const parent = this.messages.parentOf() ?? this.messages.said(this.#id(position), number, false);
    const call: AgUiCall = {
      ...{ id, name, args: '', isOpen: true, isAnswered: false, isProviders: false },
      call: number,
    };
    this.messages.called(parent, call);
    out.push(startOf(call, parent.id));
    return call;
  }

  #args(call: AgUiCall, delta: string, out: AgUiJson[]): void {
    if (delta === '') return;
    call.args += delta;
    out.push({ type: 'TOOL_CALL_ARGS', toolCallId: call.id, delta });
  }

  #activity(messageId: string, call: number, activityType: string, content: AgUiJson, out: AgUiJson[]): void {
    this.messages.activity(messageId, call, activityType, content);
    out.push({ type: 'ACTIVITY_SNAPSHOT', messageId, activityType, content, replace: true });
  }

  #openThought(position: number, call: number, out: AgUiJson[]): void {
    if (this.#thought !== undefined) return;
    this.#closeText(out);
    const messageId = this.#id(position);
    this.#thought = this.messages.thought(messageId, call);
    out.push(
      { type: 'REASONING_START', messageId },
      { type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' },
    );
  }

  #end(out: AgUiJson[]): void {
    this.#close(out);
    for (const { id, isOpen } of this.messages.calls())
      if (isOpen) out.push({ type: 'TOOL_CALL_END', toolCallId: id });
  }

  #close(out: AgUiJson[]): void {
    this.#closeThought(out);
    this.#closeText(out);
  }

  #closeText(out: AgUiJson[]): void {
    if (this.#text === undefined) return;
    this.#text.isOpen = false;
    out.push({ type: 'TEXT_MESSAGE_END', messageId: this.#text.id });
    this.#text = undefined;
  }

  #closeThought(out: AgUiJson[]): void {
    if (this.#thought === undefined) return;
    const { id: messageId } = this.#thought;
    this.#thought.isOpen = false;
    out.push({ type: 'REASONING_MESSAGE_END', messageId }, { type: 'REASONING_END', messageId });
    this.#thought = undefined;
  }
}

function startOf({ id, name }: AgUiCall, parentMessageId: string): AgUiJson {
  return { type: 'TOOL_CALL_START', toolCallId: id, toolCallName: name, parentMessageId };
}

/** Whether two texts are the same JSON, or the same text. */
function sameJson(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(other));
  } catch {
    return false;
  }
}

/** What a tool gave: its text, or its parts. */
function contentOf({ content, parts }: ToolResultChunk): string | AgUiJson[] {
  if (parts === undefined) return content;
  return parts.map((part): AgUiJson => {
    if (part.type === 'text') return { type: 'text', text: part.text };
    const type = part.type === 'image' ? 'image' : 'document';
    const { url, data, mediaType = 'application/octet-stream' } = part;
    if (data !== undefined) return { type, source: { type: 'data', value: data, mimeType: mediaType } };
    return { type, source: { type: 'url', value: url ?? '' } };
  });
}
