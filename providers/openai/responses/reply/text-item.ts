import type { StreamChunk } from '../../../../src/index.ts';
import { isRecord, text } from '../../../wire/index.ts';
import { recordsOf, OutputItem } from './item-table.ts';

/** The kinds of text in an item. The first two are in messages, the others in reasoning items. */
export type PieceKind = 'text' | 'refusal' | 'summary' | 'thinking';

/** All kinds, in the order in which an item has them. */
export const KINDS: readonly PieceKind[] = ['text', 'refusal', 'summary', 'thinking'];

/** A text of an item, or the missing part of one. */
export interface Piece {
  kind: PieceKind;
  /** Its index among the texts of its kind: `content_index` or `summary_index`. */
  at: unknown;
  text: string;
}

/** What was delivered of one text. */
export class Part {
  text = '';
  /** Whether the complete text came. More characters repeat it, or belong to another item. */
  whole = false;
  /** Whether it was announced with text, which the deltas may repeat or continue. */
  begun = false;
  /** How many characters were repeated. */
  repeated = 0;
  /** How many of its citations were delivered. */
  citations = 0;
}

/** A message or a reasoning item. */
export class TextItem extends OutputItem {
  /** Whether some of its text was delivered. */
  hasText = false;
  /** The item as it was announced. */
  announced: Record<string, unknown> | undefined;
  /** Keys of the citations that were delivered. */
  readonly cited = new Set<string>();
  readonly #parts: Record<PieceKind, Map<unknown, Part>> = {
    text: new Map(),
    refusal: new Map(),
    summary: new Map(),
    thinking: new Map(),
  };

  /** The highest index of each kind. */
  readonly #last: Record<PieceKind, number> = { text: 0, refusal: 0, summary: 0, thinking: 0 };

  part(kind: PieceKind, at: unknown): Part {
    const parts = this.#parts[kind];
    let part = parts.get(at ?? 0);
    if (part === undefined) parts.set(at ?? 0, (part = new Part()));
    if (typeof at === 'number' && at > this.#last[kind]) this.#last[kind] = at;
    return part;
  }

  /** Whether the complete part came, or something of a later part. */
  isBehind(kind: PieceKind, at: unknown): boolean {
    return this.hasWhole(kind, at) || this.#last[kind] > Number(at ?? 0);
  }

  /** Whether the complete part came. */
  hasWhole(kind: PieceKind, at: unknown): boolean {
    return this.#parts[kind].get(at ?? 0)?.whole === true;
  }

  /** The delivered text of a kind. */
  joined(kind: PieceKind): string {
    let joined = '';
    for (const part of this.#parts[kind].values()) joined += part.text;
    return joined;
  }

  /** The missing end of a complete text. Undefined if it is not the text that was delivered. */
  missingOf({ kind, at, text: whole }: Piece): string | undefined {
    const part = this.#parts[kind].get(at ?? 0);
    return part === undefined ? whole : addedBy(whole, part.text);
  }

  /** The missing texts of a complete item. Undefined if it is not the item that was delivered. */
  missing(pieces: readonly Piece[]): Piece[] | undefined {
    if (this.#isOther(pieces)) return undefined;
    const missing: Piece[] = [];
    for (const kind of new Set(pieces.map((piece) => piece.kind))) {
      const whole = pieces.filter((piece) => piece.kind === kind);
      const added = this.#missingOfKind(kind, whole);
      if (added === undefined) return undefined;
      missing.push(...added);
    }
    return missing;
  }

  /** A key that is the same for items with the same texts. */
  get key(): string {
    return keyOfPieces(KINDS.map((kind) => ({ kind, at: 0, text: this.joined(kind) })));
  }

  /** Whether a part of it was delivered, and more is expected. */
  get isUnderWay(): boolean {
    return this.#all().some((part) => part.text !== '' && !part.whole);
  }

  /** Marks all parts as complete. */
  finish(): void {
    for (const part of this.#all()) part.whole = true;
  }

  #all(): Part[] {
    return Object.values(this.#parts).flatMap((parts) => [...parts.values()]);
  }

  #missingOfKind(kind: PieceKind, whole: readonly Piece[]): Piece[] | undefined {
    const delivered = this.joined(kind);
    if (delivered === '') return whole.filter((piece) => piece.text !== '');
    const added = addedBy(joinedText(whole), delivered);
    if (added !== undefined) {
      // It goes to the last known part: some servers count the parts of an item and those of its deltas differently.
      const at = [...this.#parts[kind].keys()].at(-1);
      return added === '' ? [] : [{ kind, at, text: added }];
    }
    const missing: Piece[] = [];
    for (const piece of whole) {
      const more = this.missingOf(piece);
      if (more === undefined) return undefined;
      if (more !== '') missing.push({ ...piece, text: more });
    }
    return missing;
  }

  /** Whether the complete item lacks text that was delivered, for example because it refuses and the other does not. */
  #isOther(pieces: readonly Piece[]): boolean {
    if (pieces.length === 0) return false;
    const lacks = (kind: PieceKind): boolean =>
      !pieces.some((piece) => piece.kind === kind) && this.joined(kind) !== '';
    return lacks('text') || lacks('refusal');
  }
}

/**
 * The end of a complete text that is missing in what was delivered. Undefined if they are different texts. Servers trim the
 * complete text, and what was delivered may begin with the text of the item before.
 */
function addedBy(whole: string, delivered: string): string | undefined {
  if (whole.startsWith(delivered)) return whole.slice(delivered.length);
  const isPart = delivered.startsWith(whole) || delivered.endsWith(whole);
  return isPart || delivered.trim() === whole.trim() ? '' : undefined;
}

/** The texts of a complete message or reasoning item. */
export function piecesOf(item: Record<string, unknown>): Piece[] {
  const isReasoning = item['type'] === 'reasoning';
  const summary = recordsOf(item['summary']).map((part, at) => piece('summary', at, part['text']));
  return [...summary, ...contentOf(item).map((part, at) => pieceOf(part, at, isReasoning))].filter(
    (one) => one !== undefined,
  );
}

/** The parts of an item's content. Some servers send a single text instead. */
export function contentOf(item: Record<string, unknown>): Record<string, unknown>[] {
  const { content } = item;
  return typeof content === 'string' ? [{ type: 'output_text', text: content }] : recordsOf(content);
}

/** The text of a part. Undefined if it has none. vLLM uses the type `output_text` for reasoning, too. */
export function pieceOf(part: unknown, at: unknown, isReasoning: boolean): Piece | undefined {
  if (!isRecord(part)) return undefined;
  if (part['type'] === 'refusal') return piece('refusal', at, part['refusal'] ?? part['text']);
  if (part['type'] === 'summary_text') return piece('summary', at, part['text']);
  const isThinking = isReasoning || part['type'] === 'reasoning_text';
  return piece(isThinking ? 'thinking' : 'text', at, part['text'] ?? part['transcript']);
}

function piece(kind: PieceKind, at: unknown, whole: unknown): Piece | undefined {
  const said = text(whole);
  return said === undefined ? undefined : { kind, at, text: said };
}

/** A key that is the same for items with the same texts. */
export function keyOfPieces(pieces: readonly Piece[]): string {
  return KINDS.map((kind) => joinedText(pieces.filter((one) => one.kind === kind)).trim()).join('\n\n\n');
}

/** The texts of pieces, joined. */
export function joinedText(pieces: readonly Piece[]): string {
  return pieces.map((one) => one.text).join('');
}

/** A chunk with this text. */
export function chunkOf(kind: PieceKind, content: string): StreamChunk {
  if (kind === 'text') return { type: 'content', content, call: 0 };
  if (kind === 'refusal') return { type: 'content', content, refusal: true, call: 0 };
  return { type: 'thinking', content, call: 0 };
}
