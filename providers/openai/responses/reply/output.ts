import type { StreamChunk } from '../../../../src/index.ts';
import {
  base64OfBytes,
  blockFrom,
  bytesOfBase64,
  isRecord,
  replyWarning,
  streamError,
} from '../../../wire/index.ts';
import { ownOptionsOf } from '../../shared/reply-context.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';
import { comparedCalls } from './call-item.ts';
import { CallItems } from './call-items.ts';
import { cite, citeParts } from './citations.ts';
import { audioFile, hostedChunks, imageFile } from './hosted-items.ts';
import { identityOf, ItemTable, isNameless, plainItem, recordsOf, OutputItem } from './item-table.ts';
import type { Identity } from './item-table.ts';
import { paired } from './pair-listed.ts';
import type { Comparison, Listed } from './pair-listed.ts';
import { contentOf, piecesOf } from './text-item.ts';
import { comparedTexts, TextItems } from './text-items.ts';
import type { ClosedItem } from './text-items.ts';
import { MissingText } from './missing-text.ts';

type Json = Record<string, unknown>;

/** An item that is neither text nor a call for the client. It is delivered when it is done. */
class OtherItem extends OutputItem {
  readonly json: Json;

  constructor(json: Json) {
    super();
    this.json = json;
    this.closed = true;
  }
}

/** The types of parts that are read. */
const KNOWN_PARTS: ReadonlySet<unknown> = new Set([
  undefined,
  'text',
  'output_text',
  'refusal',
  'reasoning_text',
  'summary_text',
  'output_audio',
  'output_image',
]);

/** The items of a reply. Each is delivered once, wherever it is in the stream. */
export class ResponsesOutput {
  readonly texts: TextItems;
  readonly calls: CallItems;
  readonly #context: OpenAIReplyContext;
  /** The other items, by type. */
  readonly #others = new Map<unknown, ItemTable<OtherItem>>();
  readonly #warned = new Set<string>();
  readonly #sound: Uint8Array[] = [];
  #soundCharacters = 0;

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
    this.calls = new CallItems(context);
    this.texts = new TextItems(context, (out) => this.calls.release(out));
  }

  announce(event: Json, item: Json, out: StreamChunk[]): void {
    const json = plainItem(item);
    const sort = sortOf(json);
    if (sort === 'call') this.calls.announce(event, json, out);
    else if (sort !== 'other') this.texts.announce(event, json, out);
  }

  close(event: Json, item: Json, out: StreamChunk[]): void {
    const json = plainItem(item);
    const sort = sortOf(json);
    if (sort === 'call') this.calls.close(event, json, out);
    else if (sort === 'other') this.#other(identityOf(event, json), json, out);
    else this.#extras(this.texts.close(event, json, out), json, out);
  }

  /** Takes a complete part of a message, for what is not its text. */
  part(event: Json, part: Json, out: StreamChunk[]): void {
    citeParts(this.texts.messageOf(event), [part], event['content_index'] ?? 0, out);
    this.#warnOf(part);
  }

  /** Takes a citation that is announced. */
  cite(event: Json, out: StreamChunk[]): void {
    this.calls.release(out);
    cite(this.texts.messageOf(event), event['content_index'], event['annotation'], out);
  }

  /** Takes a piece of audio, which is base64 of its own. */
  sounds(piece: unknown): void {
    if (typeof piece !== 'string') return;
    const max = this.#context.limits.maxOutputCharacters;
    this.#soundCharacters += piece.length;
    if (this.#soundCharacters > max) {
      throw streamError(this.#context, 'protocol', `the audio exceeds limits.maxOutputCharacters (${max})`);
    }
    this.#sound.push(bytesOfBase64(piece));
    this.#context.call.call.alive('progress');
  }

  /** Whether nothing has come yet. */
  get isEmpty(): boolean {
    const tables = [this.texts.messages, this.texts.reasoning, this.calls.table, ...this.#others.values()];
    return tables.every((table) => table.items.length === 0);
  }

  /** Takes the final list of all items, and delivers what was not in the stream. */
  list(output: unknown, out: StreamChunk[]): void {
    const listed = recordsOf(output).map((item, index) => {
      const json = plainItem(item);
      return { json, who: identityOf({ output_index: index }, json) };
    });
    const { texts, calls } = this;
    const ofSort = (sort: Sort): Listed[] => listed.filter(({ json }) => sortOf(json) === sort);
    const messages = paired(ofSort('message'), texts.messages, comparedTexts);
    const reasoning = paired(ofSort('reasoning'), texts.reasoning, comparedTexts);
    const called = paired(ofSort('call'), calls.table, comparedCalls);
    const others = this.#pairedOthers(ofSort('other'));
    const missingText = new MissingText();
    calls.answered = new Set(listed.flatMap(({ json }) => answeredBy(json) ?? []));
    for (const { json, who } of listed) {
      const sort = sortOf(json);
      if (sort === 'call') calls.closeAs(called.get(json), who, json, out);
      else if (sort === 'other') {
        if (!others.has(json)) this.#deliver(json, who, out);
      } else {
        const item = messages.get(json) ?? reasoning.get(json);
        this.#extras(texts.closeAs(item, who, json, out, missingText.of(json, item)), json, out);
      }
    }
  }

  /** Ends the reply. `isCut` says that it was cut. */
  end(response: Json, isCut: boolean, out: StreamChunk[]): void {
    const { output_text: said } = response;
    // Some proxies list no items and send the text in this field.
    if (typeof said === 'string' && !this.texts.messages.items.some((item) => item.hasText)) {
      this.texts.whole({}, { kind: 'text', at: 0, text: said }, out);
    }
    this.texts.end(out);
    this.calls.end(isCut, out);
    if (this.#sound.length === 0) return;
    const { audio: asked } = ownOptionsOf(this.#context);
    const format = isRecord(asked) ? asked['format'] : undefined;
    out.push(...audioFile(base64OfBytes(this.#sound), format));
  }

  #pairedOthers(listed: readonly Listed[]): Map<Json, OtherItem> {
    const pairs = new Map<Json, OtherItem>();
    for (const [type, ofType] of Map.groupBy(listed, ({ json }) => json['type'])) {
      const table = this.#others.get(type);
      if (table === undefined) continue;
      for (const [json, item] of paired(ofType, table, comparedOthers)) pairs.set(json, item);
    }
    return pairs;
  }

  #other(who: Identity, json: Json, out: StreamChunk[]): void {
    const table = this.#others.get(json['type']);
    if (table?.known(who) !== undefined) return;
    const placed = isNameless(who) ? table?.items.at(-1) : table?.placed(who.index);
    // Without an id it may be a repetition of the last item.
    const mayBe = placed !== undefined && (who.id === undefined || placed.id === undefined);
    if (mayBe && contentKey(placed.json) === contentKey(json)) return;
    this.#deliver(json, who, out);
  }

  #deliver(json: Json, who: Identity, out: StreamChunk[]): void {
    const type = json['type'];
    let table = this.#others.get(type);
    if (table === undefined) this.#others.set(type, (table = new ItemTable()));
    table.add(new OtherItem(json), who);
    const { origin, limits } = this.#context;
    if (answeredBy(json) !== undefined && this.calls.answer(json, blockFrom(origin, json), out)) return;
    this.calls.release(out);
    const chunks = hostedChunks(json, { origin, limits });
    if (chunks.length === 0) this.#warn(`an item of type ${String(type)} came without its content`);
    out.push(...chunks);
  }

  /** Delivers the parts of a complete message that are not text. */
  #extras({ item, isFirst }: ClosedItem, json: Json, out: StreamChunk[]): void {
    if (json['type'] === 'reasoning') return;
    const parts = contentOf(json);
    citeParts(item, parts, undefined, out);
    if (!isFirst) return;
    for (const part of parts) {
      this.#warnOf(part);
      if (part['type'] === 'output_image')
        out.push(...imageFile(part['image_url'] ?? part['data'], part['format']));
      if (part['type'] === 'output_audio' && this.#sound.length === 0)
        out.push(...audioFile(part['data'], part['format']));
    }
  }

  #warnOf(part: Json): void {
    const { type, logprobs } = part;
    if (!KNOWN_PARTS.has(type)) this.#onlyRaw(`parts of type ${String(type).slice(0, 40)}`);
    if (Array.isArray(logprobs) && logprobs.length > 0) this.#onlyRaw('logprobs');
  }

  /** Warns once that something has no place in a reply. */
  #onlyRaw(what: string): void {
    if (this.#context.call.call.request.parameters.includeRaw === true) return;
    this.#warn(`${what} are only in result.raw: set includeRaw`);
  }

  #warn(what: string): void {
    if (this.#warned.has(what)) return;
    this.#warned.add(what);
    replyWarning(this.#context, what);
  }
}

type Sort = 'message' | 'reasoning' | 'call' | 'other';

function sortOf(item: Json): Sort {
  switch (item['type']) {
    case 'reasoning':
      return 'reasoning';
    case 'function_call':
    case 'custom_tool_call':
      return 'call';
    case 'message':
      return 'message';
    default:
      // Some servers list messages without a type.
      return item['type'] === undefined && piecesOf(item).length > 0 ? 'message' : 'other';
  }
}

/** The id of the call that an item is the result of. */
function answeredBy(item: Json): string | undefined {
  const { type, call_id: callId } = item;
  const isResult = type === 'function_call_output' || type === 'custom_tool_call_output';
  return isResult && typeof callId === 'string' ? callId : undefined;
}

const comparedOthers: Comparison<OtherItem> = {
  isSame: () => true,
  keyOf: (item) => contentKey(item.json),
  keyOfJson: contentKey,
};

function contentKey({ id: _id, status: _status, ...content }: Json): string {
  return JSON.stringify(content);
}
