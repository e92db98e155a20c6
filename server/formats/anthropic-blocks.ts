import type { ContentChunk, ProviderBlock, ThinkingChunk, ToolCallChunk } from '../../src/index.ts';
import { isRecord } from '../requests/read.ts';
import { CitedText } from './citations.ts';
import { sealedBlock } from './sealed-block.ts';

/** One event of the Messages API, as plain JSON. */
export type AnthropicEvent = { type: string } & Record<string, unknown>;

type Kind = 'text' | 'thinking';

/** A content block as it begins; its text comes in deltas. */
const EMPTY: Readonly<Record<Kind, Record<string, unknown>>> = {
  text: { type: 'text', text: '' },
  thinking: { type: 'thinking', thinking: '', signature: '' },
};

/** Writes the content blocks of a reply: one after another, with dense indices, since clients take the index for the position. */
export class AnthropicBlocks {
  #open: Kind | undefined;
  /** Whether something that is not shown lies behind the open block, so that nothing is added to it. */
  #isPast = false;
  #next = 0;
  readonly #cited = new CitedText();

  /** Text belongs to the open block of text. */
  text({ content, citations = [], call = 0 }: ContentChunk, out: AnthropicEvent[]): void {
    this.#cited.add(content, call);
    if (content !== '') {
      this.#begin('text', out);
      this.#delta({ type: 'text_delta', text: content }, out);
    }
    for (const given of citations) {
      const citation = isOwnCitation(given) ? given : this.#foreign(given);
      if (citation === undefined) continue;
      this.#begin('text', out);
      this.#delta({ type: 'citations_delta', citation }, out);
    }
  }

  /** Thinking belongs to the open block of thinking, and its signature ends that. */
  thinking({ content, block }: ThinkingChunk, out: AnthropicEvent[]): void {
    if (content !== '') {
      this.#begin('thinking', out);
      this.#delta({ type: 'thinking_delta', thinking: content }, out);
    }
    if (block === undefined) return;
    if (isRecord(block.data) && block.data['type'] === 'redacted_thinking') {
      this.whole(block.data, out);
      return;
    }
    const signature = signatureOf(block);
    if (signature !== undefined) {
      this.#begin('thinking', out);
      this.#delta({ type: 'signature_delta', signature }, out);
    }
    this.close(out);
  }

  /** A call, whole: its input is one delta, since what came before it was provisional. */
  call(
    { id, name, arguments: args, invalid, block }: ToolCallChunk,
    verbatim: boolean,
    out: AnthropicEvent[],
  ): void {
    const own = verbatim && block?.provider === 'anthropic' && isRecord(block.data) ? block.data : {};
    // The API knows the call by its own id. `tools()` gives calls other ones.
    const caller = own['id'] === id ? own['caller'] : undefined;
    // The documentation of fine-grained tool streaming says how a client gives broken JSON back to the model.
    const input = invalid === undefined ? args : { INVALID_JSON: invalid.raw };
    this.#start({ type: 'tool_use', id, name, input: {}, ...(isRecord(caller) && { caller }) }, out);
    this.#delta({ type: 'input_json_delta', partial_json: JSON.stringify(input ?? {}) }, out);
    this.#stop(out);
  }

  /** A block that is shown as it came. */
  whole(block: Record<string, unknown>, out: AnthropicEvent[]): void {
    this.#start(block, out);
    this.#stop(out);
  }

  /** What comes next does not belong to the open block, whatever it is. */
  separate(): void {
    this.#isPast = true;
    this.#cited.separate();
  }

  /** Ends the open block, if there is one. */
  close(out: AnthropicEvent[]): void {
    if (this.#open !== undefined) this.#stop(out);
  }

  /** A page that another API cites. There is no index that Anthropic's could take back. */
  #foreign(citation: unknown): Record<string, unknown> | undefined {
    const page = this.#cited.page(citation);
    if (page === undefined) return undefined;
    const { url, title } = page;
    const cited_text = this.#cited.textOf(page);
    return { type: 'web_search_result_location', url, title, cited_text, encrypted_index: '' };
  }

  #begin(kind: Kind, out: AnthropicEvent[]): void {
    if (this.#open === kind && !this.#isPast) return;
    this.#start(EMPTY[kind], out);
    this.#open = kind;
  }

  #start(block: Record<string, unknown>, out: AnthropicEvent[]): void {
    this.close(out);
    out.push({ type: 'content_block_start', index: this.#next, content_block: block });
  }

  #delta(delta: Record<string, unknown>, out: AnthropicEvent[]): void {
    out.push({ type: 'content_block_delta', index: this.#next, delta });
  }

  #stop(out: AnthropicEvent[]): void {
    this.#cited.separate();
    out.push({ type: 'content_block_stop', index: this.#next });
    this.#open = undefined;
    this.#isPast = false;
    this.#next += 1;
  }
}

/** The signature as the API gave it. That of another API is the whole block, as one text. */
function signatureOf(block: ProviderBlock): string | undefined {
  const { provider, data } = block;
  if (provider !== 'anthropic') return sealedBlock(block);
  const signature = isRecord(data) ? data['signature'] : undefined;
  return typeof signature === 'string' && signature !== '' ? signature : undefined;
}

/** The citations of the API have types with a common end. Those of others have another shape. */
function isOwnCitation(citation: unknown): boolean {
  return isRecord(citation) && typeof citation['type'] === 'string' && citation['type'].endsWith('_location');
}
