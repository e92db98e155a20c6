import { streamError, isRecord, jsonText } from '../../../wire/index.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';

type Fields = Record<string, unknown>;
/** An object while it is put together. Untrusted keys are harmless in a Map. */
type Item = Map<string, unknown>;

/** Fields of a detail whose pieces are joined. Of other fields the last value counts. */
const JOINED: ReadonlySet<string> = new Set(['text', 'summary', 'data', 'signature', 'thinking']);

/** Fields that may also come complete. The same value again is a repetition. */
const WHOLE: ReadonlySet<string> = new Set(['data', 'signature']);

/**
 * Fields of a message that only its server understands, and which are sent back with the message: `extra_content` (Gemini),
 * `reasoning_details` (OpenRouter), `reasoning_opaque` (Copilot), `thinking_blocks` (LiteLLM) and `phase` (OpenAI).
 */
export class OpaqueFields {
  readonly #context: OpenAIReplyContext;
  readonly #fields: Item = new Map();
  readonly #details: Item[] = [];
  readonly #detailOf = new Map<string, Item>();
  readonly #blocks: Item[] = [];
  /** The `extra_content` of each vendor, and the values in it that are not objects. */
  readonly #vendors = new Map<string, Item>();
  readonly #extra: Item = new Map();
  #characters = 0;

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
  }

  /** Whether a delta has any of these fields. */
  static isIn(delta: Fields): boolean {
    return (
      isRecord(delta['extra_content']) ||
      Array.isArray(delta['reasoning_details']) ||
      Array.isArray(delta['thinking_blocks']) ||
      typeof delta['reasoning_opaque'] === 'string' ||
      typeof delta['phase'] === 'string'
    );
  }

  /** Joins the fields of a delta to the earlier ones. Throws `protocol` over `maxOutputCharacters`. */
  add(delta: Fields): void {
    for (const field of ['reasoning_opaque', 'phase']) {
      const value = delta[field];
      if (typeof value === 'string' && value !== '') this.#set(this.#fields, field, value);
    }
    for (const detail of recordsOf(delta['reasoning_details'])) this.#addDetail(detail);
    for (const block of recordsOf(delta['thinking_blocks'])) this.#addBlock(block);
    if (isRecord(delta['extra_content'])) this.#addExtra(delta['extra_content']);
  }

  /** All fields as the data of a block. Undefined if there are none. */
  get data(): Fields | undefined {
    const fields = new Map(this.#fields);
    if (this.#details.length > 0) fields.set('reasoning_details', this.#details.map(objectOf));
    if (this.#blocks.length > 0) fields.set('thinking_blocks', this.#blocks.map(objectOf));
    const extra = new Map(this.#extra);
    for (const [vendor, inner] of this.#vendors) extra.set(vendor, objectOf(inner));
    if (extra.size > 0) fields.set('extra_content', objectOf(extra));
    return fields.size === 0 ? undefined : { type: 'message', ...Object.fromEntries(fields) };
  }

  /** The ids in OpenRouter's details. One with the signature of a call has the id of the call. */
  get ids(): ReadonlySet<unknown> {
    return new Set(this.#details.map((detail) => detail.get('id')));
  }

  /**
   * OpenRouter: the pieces of a detail have the same type and index. Without an index they have the same id, and without an
   * id they follow each other.
   */
  #addDetail(detail: Fields): void {
    const { index, id, type } = detail;
    const key =
      typeof index === 'number' ? `${index}` : typeof id === 'string' && id !== '' ? `id ${id}` : 'last';
    const place = `${key} ${String(type)}`;
    const last = this.#details.at(-1);
    const open = key === 'last' && last?.get('type') !== type ? undefined : this.#detailOf.get(place);
    if (open === undefined || isOther(open.get('id'), id) || isClosed(open, detail)) {
      this.#detailOf.set(place, this.#begin(this.#details, detail));
    } else {
      this.#join(open, detail);
    }
  }

  /** LiteLLM: a signature ends a block, and redacted blocks come complete. */
  #addBlock(block: Fields): void {
    const last = this.#blocks.at(-1);
    const goesOn = last?.get('type') === 'thinking' && block['type'] === 'thinking' && !isClosed(last, block);
    if (last !== undefined && goesOn) this.#join(last, block);
    else this.#begin(this.#blocks, block);
  }

  #addExtra(extra: Fields): void {
    for (const [vendor, value] of Object.entries(extra)) {
      if (!isRecord(value)) {
        if (value !== null) this.#set(this.#extra, vendor, value);
        continue;
      }
      const fields: Item = this.#vendors.get(vendor) ?? new Map<string, unknown>();
      for (const [field, inner] of Object.entries(value)) {
        // This says that a piece of the content is a thought. It says nothing about the message.
        if (inner !== null && field !== 'thought') this.#set(fields, field, inner);
      }
      if (fields.size > 0) this.#vendors.set(vendor, fields);
    }
  }

  #begin(list: Item[], fields: Fields): Item {
    const item: Item = new Map();
    for (const [field, value] of Object.entries(fields)) this.#set(item, field, value);
    list.push(item);
    return item;
  }

  #join(item: Item, fields: Fields): void {
    for (const [field, value] of Object.entries(fields)) {
      const before = item.get(field);
      if (value === null || value === undefined) continue;
      if (!JOINED.has(field) || typeof value !== 'string' || typeof before !== 'string') {
        this.#set(item, field, value);
      } else if (!WHOLE.has(field) || before !== value) {
        this.#count(value.length);
        item.set(field, before + value);
      }
    }
  }

  /** Sets a field, and counts only the characters that are added. */
  #set(item: Item, field: string, value: unknown): void {
    const size = sizeOf(value);
    if (size === undefined) return;
    const growth = size - (item.has(field) ? (sizeOf(item.get(field)) ?? 0) : -field.length);
    if (growth > 0) this.#count(growth);
    item.set(field, value);
  }

  #count(characters: number): void {
    this.#characters += characters;
    const { maxOutputCharacters } = this.#context.limits;
    if (this.#characters <= maxOutputCharacters) return;
    const what = `the fields that go back to the server exceed limits.maxOutputCharacters (${maxOutputCharacters})`;
    throw streamError(this.#context, 'protocol', what, false);
  }
}

/** Whether an item has its signature and the next one begins with text. */
function isClosed(item: Item, next: Fields): boolean {
  const signature = item.get('signature');
  if (typeof signature !== 'string' || signature === '') return false;
  return ['text', 'thinking'].some((field) => typeof next[field] === 'string' && next[field] !== '');
}

function isOther(before: unknown, id: unknown): boolean {
  return typeof before === 'string' && typeof id === 'string' && before !== id;
}

function objectOf(item: Item): Fields {
  return Object.fromEntries(item);
}

/** The approximate size of a value in characters. Undefined if it is nested too deep. */
function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 4;
  return jsonText(value)?.length;
}

function recordsOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
