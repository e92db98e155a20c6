import type { StreamChunk } from '../../src/index.ts';
import { ToolCallAssembler, blockFrom, isRecord, text } from '../wire/index.ts';
import type { Decoding } from './decoding.ts';
import { streamError } from './decoding.ts';

/** The pieces of an item that text comes in; a piece is one of a kind at an index. */
export type PieceKind = 'text' | 'refusal' | 'summary' | 'thinking';

/**
 * One item of the output while it comes: what was passed on of it, so that a text that comes only at its end is neither lost
 * nor doubled.
 */
export class OutputItem {
  closed = false;
  readonly #seen: Record<PieceKind, Set<unknown>> = {
    text: new Set(),
    refusal: new Set(),
    summary: new Set(),
    thinking: new Set(),
  };
  #citations = 0;
  #call: ToolCallAssembler | undefined;
  readonly #decoding: Decoding;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
  }

  /** The next characters of a piece. */
  delta(kind: PieceKind, index: unknown, content: unknown, out: StreamChunk[]): void {
    if (typeof content !== 'string' || content === '') return;
    this.#seen[kind].add(index ?? 0);
    out.push(chunkOf(kind, content));
  }

  /** A piece as a whole: passed on where no characters of it came. */
  whole(kind: PieceKind, index: unknown, content: unknown, out: StreamChunk[]): void {
    if (!this.#seen[kind].has(index ?? 0)) this.delta(kind, index, content, out);
  }

  citation(citation: unknown, out: StreamChunk[]): void {
    if (!isRecord(citation)) return;
    this.#citations++;
    out.push({ type: 'content', content: '', citations: [citation], call: 0 });
  }

  /** The opening, or more characters, of a call of one of the client's tools. */
  callPiece(
    piece: { id?: unknown; name?: unknown; arguments?: unknown; input?: unknown },
    out: StreamChunk[],
  ): void {
    this.#assembler().add({ index: 0, ...piece }, out);
  }

  /** The item as a whole, once: its verbatim form is passed on, and what has not come of it. */
  close(item: Record<string, unknown>, out: StreamChunk[]): void {
    if (this.closed) return;
    this.closed = true;
    switch (item['type']) {
      case 'message':
        return this.#closeMessage(item, out);
      case 'reasoning':
        return this.#closeReasoning(item, out);
      case 'function_call':
      case 'custom_tool_call':
        return this.#closeCall(item, out);
      default:
        out.push({ type: 'content', content: '', block: blockFrom(this.#decoding.origin, item), call: 0 });
    }
  }

  #closeMessage(item: Record<string, unknown>, out: StreamChunk[]): void {
    const announced = this.#citations > 0;
    recordsOf(item['content']).forEach((part, index) => {
      if (part['type'] === 'refusal') return this.whole('refusal', index, part['refusal'], out);
      this.whole('text', index, part['text'], out);
      const { annotations } = part;
      if (!announced && Array.isArray(annotations)) {
        for (const citation of annotations) this.citation(citation, out);
      }
    });
    // Models that speak before they are done want to hear on the next turn which of their messages was which.
    if (typeof item['phase'] === 'string') {
      const { content: _content, ...header } = item;
      out.push({ type: 'content', content: '', block: blockFrom(this.#decoding.origin, header), call: 0 });
    }
  }

  #closeReasoning(item: Record<string, unknown>, out: StreamChunk[]): void {
    recordsOf(item['summary']).forEach((part, index) => this.whole('summary', index, part['text'], out));
    recordsOf(item['content']).forEach((part, index) => this.whole('thinking', index, part['text'], out));
    out.push({ type: 'thinking', content: '', block: blockFrom(this.#decoding.origin, item), call: 0 });
  }

  #closeCall(item: Record<string, unknown>, out: StreamChunk[]): void {
    // Cut by the length of the reply: its arguments are no call to run.
    if (item['status'] === 'incomplete') return;
    const id = text(item['call_id']) || text(item['id']);
    if (!id) throw streamError(this.#decoding, 'protocol', 'a tool call came without an id');
    const isCustom = item['type'] === 'custom_tool_call';
    const assembler = new ToolCallAssembler(this.#decoding);
    assembler.settle(
      {
        index: 0,
        id,
        name: item['name'],
        ...(isCustom ? { input: item['input'] ?? '' } : { arguments: item['arguments'] ?? '' }),
        block: blockFrom(this.#decoding.origin, item),
      },
      this.#call === undefined ? out : [],
    );
    assembler.end('tool_calls', out);
  }

  #assembler(): ToolCallAssembler {
    return (this.#call ??= new ToolCallAssembler(this.#decoding));
  }
}

function chunkOf(kind: PieceKind, content: string): StreamChunk {
  if (kind === 'text') return { type: 'content', content, call: 0 };
  if (kind === 'refusal') return { type: 'content', content, refusal: true, call: 0 };
  return { type: 'thinking', content, call: 0 };
}

function recordsOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
