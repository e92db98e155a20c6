import type { StreamChunk } from '../../../../src/index.ts';
import { blockFrom } from '../../../wire/index.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';
import { identityOf, isNameless, isRepeated, ItemTable } from './item-table.ts';
import type { Identity } from './item-table.ts';
import type { Comparison } from './pair-listed.ts';
import { chunkOf, joinedText, keyOfPieces, piecesOf, TextItem } from './text-item.ts';
import type { Part, Piece, PieceKind } from './text-item.ts';

type Json = Record<string, unknown>;

/** Fields of a message that say nothing but its text. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set(['type', 'id', 'role', 'status', 'content']);

/**
 * The messages and reasoning items of a reply. They note what was delivered, so that a text is delivered once even if it
 * comes twice, only at the end, or in another item than it began in.
 */
export class TextItems {
  /** Whether a refusal was delivered. */
  refused = false;
  readonly messages = new ItemTable<TextItem>();
  readonly reasoning = new ItemTable<TextItem>();
  readonly #context: OpenAIReplyContext;
  /** Called before text is delivered that does not continue the last one. */
  readonly #before: (out: StreamChunk[]) => void;
  /** The part of the last delta, and the ids in that delta. Nearly every delta has the same ids as the one before. */
  #part: Part | undefined;
  #item: TextItem | undefined;
  #kind: PieceKind = 'text';
  #at: unknown;
  #index: unknown;
  #itemId: unknown;
  #sequence: unknown;
  #content: unknown;
  /** How much of the part had come before its first delta here. */
  #length = 0;

  constructor(context: OpenAIReplyContext, before: (out: StreamChunk[]) => void) {
    this.#context = context;
    this.#before = before;
  }

  /** Takes the next characters of a text. */
  delta(kind: PieceKind, event: Json, at: unknown, out: StreamChunk[]): void {
    const content = event['delta'];
    if (typeof content !== 'string' || content === '') return;
    let part = this.#part;
    if (
      part === undefined ||
      this.#index !== event['output_index'] ||
      this.#at !== at ||
      this.#kind !== kind ||
      this.#itemId !== event['item_id']
    ) {
      part = this.#locate(kind, event, at, out);
      if (this.#item !== undefined) this.#item.hasText = true;
    }
    const sequence = event['sequence_number'];
    if (content === this.#content && isRepeated(sequence, this.#sequence)) return;
    this.#sequence = sequence;
    this.#content = content;
    if (part.whole || part.begun) return this.#again(kind, event, at, part, content, out);
    part.text += content;
    out.push(chunkOf(kind, content));
  }

  /** Takes the text with which a part is announced. */
  begin(event: Json, piece: Piece, out: StreamChunk[]): void {
    const part = this.#locate(piece.kind, event, piece.at, out);
    if (part.text !== '' || piece.text === '') return;
    if (this.#item !== undefined) this.#item.hasText = true;
    this.#push(part, piece.kind, piece.text, out);
    part.begun = true;
  }

  /** Takes a complete text, and delivers what is missing of it. */
  whole(event: Json, piece: Piece, out: StreamChunk[]): void {
    this.#forget();
    const who = identityOf(event);
    const { kind, at } = piece;
    const table = this.#table(kind);
    const isComplete = (item: TextItem): boolean => item.hasWhole(kind, at);
    const same = this.#find(table, who, isComplete, (item) => {
      const text = item.missingOf(piece);
      return text === undefined ? undefined : [{ ...piece, text }];
    });
    const item = same?.item ?? table.add(new TextItem(), who);
    table.latest = item;
    table.note(item, who);
    this.#deliver(item, same === undefined ? [piece] : same.missing, out);
    item.part(kind, at).whole = true;
  }

  /** Takes the announcement of an item, which may hold the start of its text. */
  announce(event: Json, json: Json, out: StreamChunk[]): void {
    const who = identityOf(event, json);
    const table = this.#tableOf(json);
    let item = table.known(who);
    const last = table.latest;
    const placed = isNameless(who) ? (last?.closed === true ? undefined : last) : table.placed(who.index);
    if (item?.index !== undefined && who.index !== undefined && item.index !== who.index) item = undefined;
    // Without an id it may be a repetition of the last announcement.
    if (
      item === undefined &&
      who.id === undefined &&
      placed?.id === undefined &&
      placed?.isUnderWay === false
    ) {
      item = placed;
    }
    if (item === undefined) item = table.add(new TextItem(), who);
    else table.note(item, who);
    item.announced = json;
    this.#forget();
    for (const piece of piecesOf(json)) this.begin({ ...event, item_id: who.id }, piece, out);
  }

  /** Takes a complete item, and delivers its original form and what is missing of its text. */
  close(event: Json, json: Json, out: StreamChunk[]): ClosedItem {
    const who = identityOf(event, json);
    const table = this.#tableOf(json);
    const pieces = piecesOf(json);
    const isClosed = (item: TextItem): boolean => item.closed;
    const same = this.#find(table, who, isClosed, (item) => item.missing(pieces));
    return this.closeAs(same?.item, who, json, out);
  }

  /**
   * Takes a complete item, which is the known one, or a new one if `known` is undefined. `pieces` holds the texts to
   * deliver, by default all of the item.
   */
  closeAs(
    known: TextItem | undefined,
    who: Identity,
    json: Json,
    out: StreamChunk[],
    pieces: readonly Piece[] = piecesOf(json),
  ): ClosedItem {
    const table = this.#tableOf(json);
    const item = known ?? table.add(new TextItem(), who);
    table.note(item, who);
    this.#forget();
    this.#deliver(item, item.missing(pieces) ?? [], out);
    item.finish();
    if (item.closed) return { item, isFirst: false };
    item.closed = true;
    this.#block(json, out);
    return { item, isFirst: true };
  }

  /** Ends the reply: delivers the blocks of messages that were announced but never completed. */
  end(out: StreamChunk[]): void {
    for (const { closed, announced } of this.messages.items) if (!closed) this.#block(announced ?? {}, out);
  }

  /** The message that an event without an item belongs to. */
  messageOf(event: Json): TextItem {
    return this.#itemOf(this.messages, identityOf(event));
  }

  /** Whether a content part belongs to a reasoning item. vLLM gives it the type of a message's part. */
  isReasoning(event: Json): boolean {
    const who = identityOf(event);
    if (this.messages.known(who) !== undefined) return false;
    if (this.reasoning.known(who) !== undefined) return true;
    const placed = this.reasoning.placed(who.index);
    const isOpen = placed?.closed === false && (who.id === undefined || placed.id === undefined);
    return isOpen && this.messages.placed(who.index) === undefined;
  }

  #itemOf(table: ItemTable<TextItem>, who: Identity): TextItem {
    return table.likely(who) ?? table.add(new TextItem(), who);
  }

  /** The part that a delta belongs to. */
  #locate(kind: PieceKind, event: Json, at: unknown, out: StreamChunk[]): Part {
    const who = identityOf(event);
    const table = this.#table(kind);
    this.#forget();
    const known = table.known(who);
    table.keepsIds ||= known !== undefined;
    const isPlaced = known !== undefined || table.placed(who.index) !== undefined;
    const likely = table.likely(who, known);
    // If only the order tells, text after a complete part, or with an index that starts again, belongs to another item.
    const isNext = !isPlaced && likely?.isBehind(kind, at) === true;
    const item = (isNext ? undefined : likely) ?? table.add(new TextItem(), who);
    if (kind === 'refusal') this.refused = true;
    this.#before(out);
    return this.#remember(item, kind, event, at);
  }

  /** The part of the next delta is looked up again. */
  #forget(): void {
    const came = (this.#part?.text.length ?? 0) - this.#length;
    const last = typeof this.#content === 'string' ? this.#content.length : 0;
    // More than one delta came with the same id.
    if (this.#itemId !== undefined && came > last) this.#table(this.#kind).keepsIds = true;
    this.#part = undefined;
  }

  #remember(item: TextItem, kind: PieceKind, event: Json, at: unknown): Part {
    const part = item.part(kind, at);
    this.#item = item;
    this.#length = part.text.length;
    this.#kind = kind;
    this.#at = at;
    this.#index = event['output_index'];
    this.#itemId = event['item_id'];
    return (this.#part = part);
  }

  /** Takes characters for a part that is complete: they repeat its text, or belong to another item. */
  #again(kind: PieceKind, event: Json, at: unknown, part: Part, content: string, out: StreamChunk[]): void {
    const { text, repeated } = part;
    if (text.startsWith(content, repeated)) {
      part.repeated += content.length;
      return;
    }
    const left = text.length - repeated;
    if (left < content.length && content.startsWith(text.slice(repeated))) {
      // The delta continues after the end of the text.
      this.#push(part, kind, content.slice(left), out);
    } else if (part.begun) {
      this.#push(part, kind, text.slice(0, repeated) + content, out);
    } else {
      part.repeated = 0;
      const other = this.#table(kind).add(new TextItem(), identityOf(event));
      other.hasText = true;
      const place = this.#remember(other, kind, event, at);
      this.#push(place, kind, text.slice(0, repeated) + content, out);
      return;
    }
    part.whole = false;
    part.begun = false;
    part.repeated = 0;
  }

  /**
   * The item that a complete text belongs to, and the missing part of the text. Undefined if nothing of it came. It is
   * found by its ids or, if they say little, by what was delivered.
   */
  #find(
    table: ItemTable<TextItem>,
    who: Identity,
    isComplete: (item: TextItem) => boolean,
    missingOf: (item: TextItem) => Piece[] | undefined,
  ): Found | undefined {
    const known = table.known(who);
    const nameless = isNameless(who);
    const likely = nameless ? undefined : table.likely(who);
    const named = [known, likely].flatMap((item) => (item === undefined ? [] : found(item, missingOf)));
    const [first] = named;
    if (first?.item.hasText === true) return first;
    const alike = table
      .recent(who)
      .filter((item) => nameless || !isComplete(item))
      .flatMap((item) => found(item, missingOf));
    const equal = alike.find(({ item, missing }) => item.hasText && joinedText(missing) === '');
    // The deltas of an empty item may have come without its ids, as those of an item that was never announced.
    if (first !== undefined) return equal?.item.announced === undefined ? (equal ?? first) : first;
    const best = equal ?? alike.find(({ item }) => item.hasText) ?? alike[0];
    if (best !== undefined) return best;
    // It is the same item with another text. What was delivered stays.
    return known !== undefined && !isComplete(known) ? { item: known, missing: [] } : undefined;
  }

  #deliver(item: TextItem, missing: readonly Piece[], out: StreamChunk[]): void {
    for (const { kind, at, text } of missing)
      if (text !== '') this.#push(item.part(kind, at), kind, text, out);
  }

  #push(part: Part, kind: PieceKind, text: string, out: StreamChunk[]): void {
    this.#before(out);
    if (kind === 'refusal') this.refused = true;
    part.text += text;
    out.push(chunkOf(kind, text));
  }

  /** Pushes the block for the next turn: a reasoning item as it is, or the fields of a message beside its text. */
  #block(json: Json, out: StreamChunk[]): void {
    const { origin } = this.#context;
    if (json['type'] === 'reasoning') {
      this.#before(out);
      out.push({ type: 'thinking', content: '', block: blockFrom(origin, json), call: 0 });
      return;
    }
    const more = Object.entries(json).some(([name, value]) => !PLAIN_FIELDS.has(name) && value !== null);
    if (!more) return;
    const { content: _content, ...header } = json;
    this.#before(out);
    out.push({ type: 'content', content: '', block: blockFrom(origin, header), call: 0 });
  }

  #table(kind: PieceKind): ItemTable<TextItem> {
    return kind === 'text' || kind === 'refusal' ? this.messages : this.reasoning;
  }

  #tableOf(json: Json): ItemTable<TextItem> {
    return json['type'] === 'reasoning' ? this.reasoning : this.messages;
  }
}

/** An item that was completed, and whether for the first time. */
export interface ClosedItem {
  item: TextItem;
  isFirst: boolean;
}

/** An item, and what is missing of it. */
interface Found {
  item: TextItem;
  missing: Piece[];
}

function found(item: TextItem, missingOf: (item: TextItem) => Piece[] | undefined): Found[] {
  const missing = missingOf(item);
  return missing === undefined ? [] : [{ item, missing }];
}

/** How the messages and reasoning items of the final list are compared with those that came. */
export const comparedTexts: Comparison<TextItem> = {
  isSame: (item, json) => item.missing(piecesOf(json)) !== undefined,
  keyOf: (item) => item.key,
  keyOfJson: (json) => keyOfPieces(piecesOf(json)),
};
