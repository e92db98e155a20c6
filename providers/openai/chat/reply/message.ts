import type { FinishReason, StreamChunk } from '../../../../src/index.ts';
import {
  ToolCallAssembler,
  blockFrom,
  isDeeper,
  isRecord,
  replyWarning,
  streamError,
  text,
} from '../../../wire/index.ts';
import { AudioOutput, imageFile } from './files.ts';
import { OpaqueFields } from './opaque-fields.ts';
import { ServerTools, resultsIn, offeredTools } from './server-tools.ts';
import { isThought, thinkingOf } from './thinking.ts';
import { chatPiece } from './call-piece.ts';

import type { OpenAIReplyContext } from '../../shared/reply-context.ts';
import { ThinkTags } from '../../server/think-tags.ts';

type Fields = Record<string, unknown>;

/** What became of the calls of a message. */
export interface EndedCalls {
  /** How many calls the client has to run. */
  calls: number;
  /** Whether the server ran calls itself. */
  hasServerCalls: boolean;
}

/** The fields of a delta that say that the answer goes on, although nothing can be delivered yet. */
const WORK = ['executed_tools', 'audio', 'tool_calls', 'function_call'] as const;

/** The message of a Chat Completions reply, put together from its deltas. */
export class ChatMessage {
  /** Whether a piece of the reply has come. */
  begun = false;
  /** Whether the model refused. */
  refused = false;
  readonly #context: OpenAIReplyContext;
  #id = '';
  /** Whether a delta came without a role: this server sends roles only at the start of a message. */
  #hasDeltaWithoutRole = false;
  #calls: ToolCallAssembler | undefined;
  #tags: ThinkTags | undefined;
  #opaque: OpaqueFields | undefined;
  #audio: AudioOutput | undefined;
  #server: ServerTools | undefined;
  /** Whether text is passed on unchanged: there are no tags, no calls before it, and it is not the result of a tool. */
  #plain: boolean;
  #isToolResult = false;
  /** Whether text came after the calls. */
  #continued = false;
  #warned: Set<string> | undefined;

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
    const { thinkTags = false } = context;
    if (thinkTags !== false) this.#tags = new ThinkTags(thinkTags === 'open');
    this.#plain = this.#tags === undefined;
  }

  /** Whether the server has said that the audio of the message is complete. */
  get audioEnded(): boolean {
    return this.#audio?.ended === true;
  }

  /** Whether the id of a chunk differs from that of the last delta. */
  isOther(id: unknown): boolean {
    return typeof id === 'string' && id !== '' && this.#id !== '' && id !== this.#id;
  }

  /**
   * Reads the next fields of the message. `id` is the id of their chunk. `whole` says that they are a complete message, not
   * a delta, so that each call in the list is a separate one. Returns whether there is more in them than a role, text and
   * thinking.
   */
  delta(id: unknown, delta: Fields, out: StreamChunk[], whole = false): boolean {
    const before = out.length;
    let content: unknown;
    let role: unknown;
    let thinking = '';
    let more = false;
    for (const key in delta) {
      const value = delta[key];
      if (key === 'content') content = value;
      else if (key === 'role') role = value;
      else if (key === 'reasoning_content' || key === 'reasoning') {
        if (typeof value === 'string') thinking ||= value;
        else if (value !== null) more = true;
      } else if (value !== null && value !== '' && !isEmptyList(value)) more = true;
    }
    if (id !== this.#id) this.#newId(id, role);
    if (typeof role !== 'string') this.#hasDeltaWithoutRole = true;
    else if (role !== '') this.#isToolResult = role === 'tool';
    if (this.#isToolResult) {
      (this.#server ??= new ServerTools(this.#context)).addResult(delta);
      this.#context.call.call.alive('progress');
      return more;
    }
    if (more) thinking ||= thinkingOf(delta);
    if (thinking !== '') out.push({ type: 'thinking', content: thinking, call: 0 });
    if (more) this.#fieldsBeforeText(delta, out);
    if (typeof content === 'string') {
      if (this.#plain && !more) {
        if (content !== '') out.push({ type: 'content', content, call: 0 });
      } else {
        this.#addText(content, more && isThought(delta['extra_content']), out);
      }
    } else if (Array.isArray(content)) {
      for (const part of content) this.#part(part, out);
    } else if (content !== undefined && content !== null) {
      this.#part(content, out);
    }
    if (more) this.#fieldsAfterText(delta, whole, out);
    // What is delivered whole at the end. Other fields that are not read may be thinking that is hidden.
    if (more && out.length === before && WORK.some((field) => field in delta))
      this.#context.call.call.alive('progress');
    if (out.length > before || this.#calls !== undefined) this.begun = true;
    return more;
  }

  /** Takes text that is not in a message, as in a legacy completion. */
  text(content: string, out: StreamChunk[]): void {
    this.#addText(content, false, out);
  }

  /** Passes on text that was held back because it could have become a tag. */
  flush(out: StreamChunk[]): void {
    this.#tags?.end(out);
  }

  /** Ends the message: pushes text that was held back, the sources, the fields for the server, and the audio. */
  end(sources: readonly unknown[], out: StreamChunk[]): void {
    this.flush(out);
    this.#server?.end(out);
    cite([...sources, ...(this.#server?.sources ?? [])], out);
    const opaque = this.#opaque?.data;
    // Without this check, an empty reply would look like one with content.
    if (opaque !== undefined && this.begun) {
      out.push({ type: 'content', content: '', block: blockFrom(this.#context.origin, opaque), call: 0 });
    }
    this.#audio?.end(out);
  }

  /**
   * Pushes the finished calls. `reason` is the finish reason, `asked` says that the server ended the reply to have tools
   * called.
   */
  endCalls(reason: FinishReason, asked: boolean, out: StreamChunk[]): EndedCalls {
    const from = out.length;
    const all = this.#calls?.end(reason, out) ?? 0;
    if (all === 0) return { calls: 0, hasServerCalls: this.#server !== undefined };
    this.#server ??= new ServerTools(this.#context);
    this.#keepNamed(out, from);
    const calls = this.#server.mark(out, from, this.#continued && !asked);
    return { calls, hasServerCalls: calls < all };
  }

  /** Keeps the server's ids of calls that its fields name: a layer may give the calls others. */
  #keepNamed(out: StreamChunk[], from: number): void {
    const named = this.#opaque?.ids;
    if (named === undefined || named.size === 0) return;
    for (const chunk of out.slice(from)) {
      if (chunk.type !== 'tool_call' || !named.has(chunk.id)) continue;
      const fields = isRecord(chunk.block?.data) ? chunk.block.data : { type: 'function' };
      chunk.block = blockFrom(this.#context.origin, { ...fields, id: chunk.id });
    }
  }

  /** Warns, but only once. */
  warn(what: string): void {
    this.#warned ??= new Set();
    if (this.#warned.has(what)) return;
    this.#warned.add(what);
    replyWarning(this.#context, what);
  }

  /** Warns once that an output is only in `result.raw`. */
  onlyRaw(what: string): void {
    if (this.#context.call.call.request.parameters.includeRaw === true) return;
    this.warn(`${what} are only in result.raw: set includeRaw`);
  }

  /**
   * Throws if a second message begins in the stream. Some servers give each chunk its own id or its own role. So both must
   * change, and not every chunk may have had a role.
   */
  #newId(id: unknown, role: unknown): void {
    if (this.isOther(id) && typeof role === 'string' && this.begun && this.#hasDeltaWithoutRole) {
      throw streamError(this.#context, 'protocol', 'a second message began within the stream');
    }
    if (typeof id === 'string' && id !== '') this.#id = id;
  }

  #addText(content: string, isThinking: boolean, out: StreamChunk[]): void {
    if (content === '') return;
    this.begun = true;
    if (this.#calls !== undefined && !this.#continued && content.trim() !== '') this.#continued = true;
    if (isThinking) (this.#tags ??= new ThinkTags()).addThinking(content, out);
    else if (this.#tags === undefined) out.push({ type: 'content', content, call: 0 });
    else this.#tags.add(content, out);
    if (this.#tags?.done === true) this.#tags = undefined;
    this.#plain = this.#tags === undefined && (this.#calls === undefined || this.#continued);
  }

  /** Mistral's reasoning models reply in parts: text, and thinking, which is itself a list of parts. */
  #part(part: unknown, out: StreamChunk[]): void {
    if (typeof part === 'string') return this.#addText(part, false, out);
    if (!isRecord(part)) return;
    const { type } = part;
    const file = type === 'image_url' || type === 'image' ? imageFile(part) : undefined;
    const said = text(part['text']);
    if (type === 'refusal') this.#refuse(part['refusal'], out);
    else if (type === 'reference') cite([part], out);
    else if (type === 'thinking' || type === 'reasoning') {
      const thinking = thinkingOf({ thinking: part['thinking'] ?? part });
      if (thinking !== '') out.push({ type: 'thinking', content: thinking, call: 0 });
    } else if (file !== undefined) out.push(file);
    else if (said !== undefined) this.#addText(said, false, out);
    else this.onlyRaw(`parts of type ${String(type).slice(0, 40)}`);
  }

  /** Reads the fields that come before the text of a delta: calls that the server ran, and fields for the server. */
  #fieldsBeforeText(delta: Fields, out: StreamChunk[]): void {
    if (OpaqueFields.isIn(delta)) (this.#opaque ??= new OpaqueFields(this.#context)).add(delta);
    const { executed_tools: executed, reasoning_steps: steps } = delta;
    if (Array.isArray(executed)) {
      (this.#server ??= new ServerTools(this.#context)).addExecuted(executed, out);
    }
    if (Array.isArray(steps)) (this.#server ??= new ServerTools(this.#context)).addSteps(steps, out);
    const results = resultsIn(delta['provider_specific_fields']);
    for (const result of results) (this.#server ??= new ServerTools(this.#context)).addResult(result);
  }

  /** Reads the fields that come after the text of a delta. */
  #fieldsAfterText(delta: Fields, whole: boolean, out: StreamChunk[]): void {
    const { images, audio, tool_calls: calls, function_call: legacy } = delta;
    this.#refuse(delta['refusal'], out);
    cite(delta['annotations'], out);
    cite(delta['citations'], out);
    if (Array.isArray(images)) {
      for (const image of images) {
        const file = imageFile(image);
        if (file !== undefined) out.push(file);
      }
    }
    if (isRecord(audio)) (this.#audio ??= new AudioOutput(this.#context)).add(audio, out);
    const list = isRecord(calls) ? [calls] : calls;
    if (Array.isArray(list)) {
      list.forEach((call: unknown, place) => {
        if (!isRecord(call)) return;
        this.#assembler().add(chatPiece(call, this.#context.origin, whole ? place : undefined), out);
      });
    }
    if (isRecord(legacy) && (text(legacy['name']) || text(legacy['arguments']))) {
      this.#assembler().add({ index: 0, name: legacy['name'], arguments: legacy['arguments'] }, out);
    }
  }

  #refuse(refusal: unknown, out: StreamChunk[]): void {
    if (typeof refusal !== 'string' || refusal === '') return;
    this.refused = true;
    out.push({ type: 'content', content: refusal, refusal: true, call: 0 });
  }

  #assembler(): ToolCallAssembler {
    if (this.#calls !== undefined) return this.#calls;
    const { provider, limits } = this.#context;
    this.#plain = false;
    this.#calls = new ToolCallAssembler({ provider, limits, offered: offeredTools(this.#context) });
    return this.#calls;
  }
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** The most citations of one chunk. Functions that join chunks pass them on as arguments of a call. */
const MAX_CITATIONS = 1_000;

/** Passes on citations as they came, without those that are nested too deep to be kept. */
function cite(list: unknown, out: StreamChunk[]): void {
  if (!Array.isArray(list)) return;
  const all = list.filter((one) => !isDeeper(one));
  for (let at = 0; at < all.length; at += MAX_CITATIONS) {
    const citations = all.slice(at, at + MAX_CITATIONS);
    out.push({ type: 'content', content: '', citations, call: 0 });
  }
}
