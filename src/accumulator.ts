import { isVoided } from './chunks.ts';
import { added } from './kit/added.ts';
import type { FileChunk, ResetChunk, StreamChunk, ToolCallChunk, ToolResultChunk } from './chunks.ts';
import type { Message, Part, TextPart, ThinkingPart } from './messages.ts';
import type { Partial, ToolCall } from './partial.ts';

/**
 * Joins chunks into parts and messages. The time is linear in the number of chunks: text grows as a string, and parts are not copied. A
 * `reset` drops the parts of the calls that it voids.
 */
export class Accumulator {
  #parts: Part[] = [];
  /** The call that made each part. */
  #calls: number[] = [];
  /** The part that the next piece of text is added to. */
  #text: TextPart | undefined;
  #thinking: ThinkingPart | undefined;
  #call = -1;

  add(chunk: StreamChunk): void {
    switch (chunk.type) {
      case 'content': {
        const call = chunk.call ?? 0;
        if (chunk.content !== '' || chunk.citations !== undefined || chunk.refusal !== undefined) {
          const text = this.#text !== undefined && this.#call === call ? this.#text : this.#openText(call);
          text.text += chunk.content;
          if (chunk.citations !== undefined) addAll((text.citations ??= []), chunk.citations);
          if (chunk.refusal !== undefined) text.refusal = true;
        }
        if (chunk.block !== undefined) this.#push({ type: 'provider', block: chunk.block }, call);
        return;
      }
      case 'thinking': {
        const call = chunk.call ?? 0;
        if (this.#thinking === undefined || this.#call !== call) this.#openThinking(call);
        if (this.#thinking === undefined) return;
        this.#thinking.text += chunk.content;
        if (chunk.block !== undefined) {
          this.#thinking.block = chunk.block;
          this.#thinking = undefined;
        }
        return;
      }
      case 'tool_call':
        this.#push(toolCallPart(chunk), chunk.call ?? 0);
        return;
      case 'tool_result':
        this.#push(toolResultPart(chunk), chunk.call ?? 0);
        return;
      case 'file':
        this.#push(filePart(chunk), chunk.call ?? 0);
        return;
      case 'reset':
        this.#reset(chunk);
        return;
      case 'tool_call_delta':
      case 'tool_progress':
        return;
    }
  }

  /** The joined text. */
  get content(): string {
    let content = '';
    for (const part of this.#parts) if (part.type === 'text') content += part.text;
    return content;
  }

  get thinking(): string {
    let thinking = '';
    for (const part of this.#parts) if (part.type === 'thinking') thinking += part.text;
    return thinking;
  }

  get toolCalls(): ToolCall[] {
    const calls: ToolCall[] = [];
    for (const part of this.#parts) {
      if (part.type !== 'tool_call') continue;
      const { type: _type, block: _block, ...call } = part;
      calls.push(call);
    }
    return calls;
  }

  /** Copies of the parts, in order. Text that one call began and another continued is one part. */
  get parts(): Part[] {
    const parts: Part[] = [];
    for (const part of this.#parts) {
      const last = parts.at(-1);
      if (last !== undefined && isPlainText(last) && isPlainText(part)) last.text += part.text;
      else parts.push(copyOf(part));
    }
    return parts;
  }

  partial(): Partial {
    return { content: this.content, thinking: this.thinking, toolCalls: this.toolCalls, parts: this.parts };
  }

  /** Everything as one assistant message. Its content is a string if there is only text. */
  message(): Message {
    return assistant(this.parts);
  }

  /**
   * Everything as messages: those of the assistant, with the tool results between them. Results are in the order of their calls, although tools that run
   * side by side end in any order.
   */
  messages(): Message[] {
    const messages: Message[] = [];
    let run: Part[] = [];
    let calls: readonly Part[] = [];
    let results = false;
    const flush = (): void => {
      if (run.length > 0)
        messages.push(results ? { role: 'tool', content: inOrderOf(calls, run) } : assistant(run));
      calls = run;
      run = [];
    };
    for (const part of this.parts) {
      const isResult = part.type === 'tool_result' && part.providerExecuted !== true;
      if (isResult !== results) flush();
      results = isResult;
      run.push(part);
    }
    flush();
    return messages;
  }

  #openText(call: number): TextPart {
    const text: TextPart = { type: 'text', text: '' };
    this.#push(text, call);
    this.#text = text;
    this.#call = call;
    return text;
  }

  #openThinking(call: number): void {
    const thinking: ThinkingPart = { type: 'thinking', text: '' };
    this.#push(thinking, call);
    this.#thinking = thinking;
    this.#call = call;
  }

  #push(part: Part, call: number): void {
    this.#parts = added(this.#parts, part);
    this.#calls = added(this.#calls, call);
    this.#text = undefined;
    this.#thinking = undefined;
  }

  #reset(reset: ResetChunk): void {
    this.#parts = this.#parts.filter((_, index) => !isVoided(reset, this.#calls[index]));
    this.#calls = this.#calls.filter((call) => !isVoided(reset, call));
    this.#text = undefined;
    this.#thinking = undefined;
  }
}

/** Results in the order of the calls that they answer. Of calls that share an id, the first result answers the first. What answers none comes last. */
function inOrderOf(calls: readonly Part[], results: Part[]): Part[] {
  if (results.length === 1) return results;
  const places = new Map<string, number[]>();
  calls.forEach((part, at) => {
    if (part.type !== 'tool_call' || part.providerExecuted === true) return;
    const same = places.get(part.id);
    if (same === undefined) places.set(part.id, [at]);
    else same.push(at);
  });
  const placeOf = (part: Part): number =>
    (part.type === 'tool_result' ? places.get(part.id)?.shift() : undefined) ?? Infinity;
  return results
    .map((part) => ({ part, at: placeOf(part) }))
    .sort((a, b) => (a.at === b.at ? 0 : a.at - b.at))
    .map(({ part }) => part);
}

function addAll(list: unknown[], more: readonly unknown[]): void {
  for (const one of more) list.push(one);
}

/** A copy to which later chunks add nothing. */
function copyOf(part: Part): Part {
  if (part.type !== 'text' || part.citations === undefined) return { ...part };
  return { ...part, citations: [...part.citations] };
}

function toolCallPart(chunk: ToolCallChunk): Part {
  const { id, name, providerExecuted, invalid, block } = chunk;
  return {
    ...{ type: 'tool_call', id, name, arguments: chunk.arguments },
    ...(providerExecuted === true && { providerExecuted }),
    ...(invalid !== undefined && { invalid }),
    ...(block !== undefined && { block }),
  };
}

function toolResultPart(chunk: ToolResultChunk): Part {
  const { id, name, parts, isError, providerExecuted, block } = chunk;
  const content = parts === undefined ? chunk.content : parts.map((part) => ({ ...part }));
  return {
    ...{ type: 'tool_result', id, name, content },
    ...(isError && { isError }),
    ...(providerExecuted === true && { providerExecuted }),
    ...(block !== undefined && { block }),
  };
}

function filePart({ mediaType, data, url, id, block }: FileChunk): Part {
  return {
    ...{ type: 'file', mediaType },
    ...(data !== undefined && { data }),
    ...(url !== undefined && { url }),
    ...(id !== undefined && { id }),
    ...(block !== undefined && { block }),
  };
}

function assistant(parts: Part[]): Message {
  const [only] = parts;
  if (parts.length === 0) return { role: 'assistant', content: '' };
  const plain = parts.length === 1 && only !== undefined && isPlainText(only);
  return { role: 'assistant', content: plain ? only.text : parts };
}

function isPlainText(part: Part): part is TextPart {
  return part.type === 'text' && part.citations === undefined && part.refusal === undefined;
}
