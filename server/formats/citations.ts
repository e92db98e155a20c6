import { isRecord } from '../requests/read.ts';

/** A page that the answer cites, and the part of the text that it belongs to, in characters. Start and end are the same if only a place is known. */
export interface CitedPage {
  url: string;
  title: string;
  start: number;
  end: number;
}

/** The text of an answer, to find where in it a citation belongs. A provider counts in its own text, of which the answer may have several. */
export class CitedText {
  #text = '';
  /** Where the reply of the model begins. */
  #reply = 0;
  /** Where the part of that reply begins. */
  #part = 0;
  #call: number | undefined;

  /** More text, of the model call of this number. */
  add(text: string, call: number): void {
    if (call !== this.#call) {
      this.#call = call;
      this.#reply = this.#text.length;
      this.separate();
    }
    this.#text += text;
  }

  /** What follows is another part of the reply. */
  separate(): void {
    this.#part = this.#text.length;
  }

  /** The page of a citation, if it is one. */
  page(citation: unknown): CitedPage | undefined {
    const page = pageOf(citation);
    if (page === undefined) return undefined;
    const { url, title, range, isOfReply } = page;
    const here = this.#text.length;
    const base = isOfReply ? this.#reply : this.#part;
    const [start, end] = range === undefined ? [here, here] : [base + range[0], base + range[1]];
    return { url, title, start, end };
  }

  /** The text that a citation belongs to. */
  textOf({ start, end }: CitedPage): string {
    return this.#text.slice(start, end);
  }
}

interface Page {
  url: string;
  title: string;
  range: readonly [start: number, end: number] | undefined;
  /** The range counts from the start of the reply, and not from that of its part. */
  isOfReply: boolean;
}

/**
 * The page in a citation of any provider: an address alone (Perplexity), a search result, `url_citation` of Responses, and of Chat Completions, where it has its fields inside; and
 * those of Anthropic that have an address.
 */
export function pageOf(citation: unknown): Page | undefined {
  if (typeof citation === 'string') return pageOf({ url: citation });
  if (!isRecord(citation)) return undefined;
  const inner = citation['url_citation'];
  const isOfReply = isRecord(inner);
  const { url, source, title, start_index: start, end_index: end } = isOfReply ? inner : citation;
  const address = [url, source].find(isAddress);
  if (address === undefined) return undefined;
  const range = isPlace(start) && isPlace(end) ? ([start, end] as const) : undefined;
  return { url: address, title: typeof title === 'string' ? title : '', range, isOfReply };
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && /^https?:\/\//i.test(value);
}

function isPlace(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}
