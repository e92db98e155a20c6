import type { StreamChunk } from '../../../../src/index.ts';
import { isRecord, text } from '../../../wire/index.ts';
import { recordsOf, Tracked } from './item-table.ts';

/** The kinds of text in an item: of a message the first two, of a reasoning item the others. */
export type PieceKind = 'text' | 'refusal' | 'summary' | 'thinking';

/** All kinds, in the order in which an item has them. */
export const KINDS: readonly PieceKind[] = ['text', 'refusal', 'summary', 'thinking'];

/** A text of an item, as a whole or what is missing of it. */
export interface Piece {
  kind: PieceKind;
  /** Its place among the texts of its kind: `content_index` or `summary_index`. */
  at: unknown;
  text: string;
}

/** What was delivered of one piece. */
export class Part {
  text = '';
  /** It came whole. More characters for it are a repetition, or belong to another item. */
  whole = false;
  /** Its text came when it was opened: the deltas may repeat it or go on with it. */
  begun = false;
  /** How far a repetition has come. */
  repeated = 0;
  /** How many citations of it were delivered. */
  citations = 0;
}

/** A message or a reasoning item while it comes. */
export class TextItem extends Tracked {
  /** Something of it was delivered. */
  hasText = false;
  /** What announced it. */
  announced: Record<string, unknown> | undefined;
  /** What the citations that were delivered point to. */
  readonly cited = new Set<string>();
  readonly #parts: Record<PieceKind, Map<unknown, Part>> = {
    text: new Map(),
    refusal: new Map(),
    summary: new Map(),
    thinking: new Map(),
  };

  /** The last place of each kind. */
  readonly #last: Record<PieceKind, number> = { text: 0, refusal: 0, summary: 0, thinking: 0 };

  part(kind: PieceKind, at: unknown): Part {
    const parts = this.#parts[kind];
    let part = parts.get(at ?? 0);
    if (part === undefined) parts.set(at ?? 0, (part = new Part()));
    if (typeof at === 'number' && at > this.#last[kind]) this.#last[kind] = at;
    return part;
  }

  /** Whether a part came whole, or something of a later one came. */
  isBehind(kind: PieceKind, at: unknown): boolean {
    return this.hasWhole(kind, at) || this.#last[kind] > Number(at ?? 0);
  }

  /** Whether a part came whole. */
  hasWhole(kind: PieceKind, at: unknown): boolean {
    return this.#parts[kind].get(at ?? 0)?.whole === true;
  }

  /** What was delivered of a kind, joined. */
  joined(kind: PieceKind): string {
    let joined = '';
    for (const part of this.#parts[kind].values()) joined += part.text;
    return joined;
  }

  /** What one whole piece adds; undefined if it is not the piece that was delivered. */
  missingOf({ kind, at, text: whole }: Piece): string | undefined {
    const part = this.#parts[kind].get(at ?? 0);
    return part === undefined ? whole : addedBy(whole, part.text);
  }

  /** What the whole item adds; undefined if it is not the item that was delivered. */
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

  /** The same for two items whose texts are the same. */
  get key(): string {
    return keyOfPieces(KINDS.map((kind) => ({ kind, at: 0, text: this.joined(kind) })));
  }

  /** Whether some of it was delivered, and more is expected. */
  get isUnderWay(): boolean {
    return this.#all().some((part) => part.text !== '' && !part.whole);
  }

  /** Nothing more is expected of any part. */
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
      // To the last part that is there: some servers count the parts of an item otherwise than those of its deltas.
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

  /** Whether a message has said what the whole one has no word of: an answer where the other refuses. */
  #isOther(pieces: readonly Piece[]): boolean {
    if (pieces.length === 0) return false;
    const lacks = (kind: PieceKind): boolean =>
      !pieces.some((piece) => piece.kind === kind) && this.joined(kind) !== '';
    return lacks('text') || lacks('refusal');
  }
}

/**
 * What a whole text adds to what was delivered of it; undefined if they are two texts. Servers trim the whole one, and the text
 * of an item before may stand in front of what was delivered.
 */
function addedBy(whole: string, delivered: string): string | undefined {
  if (whole.startsWith(delivered)) return whole.slice(delivered.length);
  const isPart = delivered.startsWith(whole) || delivered.endsWith(whole);
  return isPart || delivered.trim() === whole.trim() ? '' : undefined;
}

/** The texts of a whole message or reasoning item. */
export function piecesOf(item: Record<string, unknown>): Piece[] {
  const isReasoning = item['type'] === 'reasoning';
  const summary = recordsOf(item['summary']).map((part, at) => piece('summary', at, part['text']));
  return [...summary, ...contentOf(item).map((part, at) => pieceOf(part, at, isReasoning))].filter(
    (one) => one !== undefined,
  );
}

/** The parts of an item's content; some servers send one text in their place. */
export function contentOf(item: Record<string, unknown>): Record<string, unknown>[] {
  const { content } = item;
  return typeof content === 'string' ? [{ type: 'output_text', text: content }] : recordsOf(content);
}

/** The text of a part; undefined if it has none. vLLM calls the parts of reasoning `output_text`, too. */
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

/** The same for the pieces of two items whose texts are the same. */
export function keyOfPieces(pieces: readonly Piece[]): string {
  return KINDS.map((kind) => joinedText(pieces.filter((one) => one.kind === kind)).trim()).join('\n\n\n');
}

/** The texts of pieces, joined. */
export function joinedText(pieces: readonly Piece[]): string {
  return pieces.map((one) => one.text).join('');
}

/** A text as a chunk. */
export function chunkOf(kind: PieceKind, content: string): StreamChunk {
  if (kind === 'text') return { type: 'content', content, call: 0 };
  if (kind === 'refusal') return { type: 'content', content, refusal: true, call: 0 };
  return { type: 'thinking', content, call: 0 };
}
