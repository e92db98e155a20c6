import { filled, isDeeper, isRecord } from '../../../wire/index.ts';

/**
 * What an event tells of the item that it belongs to. Servers leave out each of the three, and none is sure: Copilot gives one
 * item another id on each event, proxies give several items one index, and llama.cpp tells no index at all.
 */
export interface Identity {
  /** The item's `id`; `item_id` on events that carry no item. */
  id: string | undefined;
  /** A call's `call_id`. */
  callId: string | undefined;
  /** The `output_index`. */
  index: number | undefined;
}

/** The identity that an event, and the item in it, tells. */
export function identityOf(event: Record<string, unknown>, item?: Record<string, unknown>): Identity {
  const index = event['output_index'];
  return {
    id: filled(item?.['id']) ?? filled(event['item_id']),
    callId: filled(item?.['call_id']) ?? filled(event['call_id']),
    index: typeof index === 'number' ? index : undefined,
  };
}

/** One item of the output while it comes. */
export class Tracked {
  id: string | undefined;
  callId: string | undefined;
  index: number | undefined;
  /** It is complete: its done event came, or the list at the end had it. */
  closed = false;
  /** Its content is whole, as far as it has one content. */
  whole = false;
  /** An item of the list at the end stands for it. */
  listed = false;
}

/** How many of the latest items are looked at if an event tells nothing of its item. */
const RECENT = 16;

/** The items of one kind, found by id, by call id, and by place. */
export class ItemTable<Item extends Tracked> {
  readonly items: Item[] = [];
  /** The item of the last event. */
  latest: Item | undefined;
  /** Events of one item have one id: it was seen. */
  keepsIds = false;
  /** Ids and call ids: llama.cpp gives the call id of an item as the `item_id` of its events. */
  readonly #byId = new Map<string, Item>();
  /** The latest item of each place. */
  readonly #byIndex = new Map<number, Item>();

  add(item: Item, who: Identity): Item {
    this.items.push(item);
    this.latest = item;
    this.note(item, who);
    return item;
  }

  /** Writes down what an event told of an item. */
  note(item: Item, { id, callId, index }: Identity): void {
    if (callId !== undefined) {
      item.callId ??= callId;
      this.#byId.set(callId, item);
    }
    if (id !== undefined) {
      item.id ??= id;
      this.#byId.set(id, item);
    }
    if (index !== undefined && item.index === undefined) {
      item.index = index;
      this.#byIndex.set(index, item);
    }
  }

  /** The item with these ids, or at this place, or the one that told the other half of its identity before. */
  likely(who: Identity, known = this.known(who)): Item | undefined {
    const item = known ?? this.#there(who) ?? this.#half(who);
    if (item === undefined) return undefined;
    this.latest = item;
    if (item.id === undefined || item.index === undefined) this.note(item, who);
    return item;
  }

  /** The item with one of these ids; of two items with one id the one at that place. */
  known(who: Identity): Item | undefined {
    const placed = this.placed(who.index);
    if (placed?.id !== undefined && placed.id === who.id && !this.#isOtherCall(placed, who)) return placed;
    const named = this.withId(who.id);
    if (named !== undefined && !this.#isOtherCall(named, who)) return named;
    const called = this.withId(who.callId);
    return called === undefined || areApart(called, who) ? undefined : called;
  }

  withId(id: string | undefined): Item | undefined {
    return id === undefined ? undefined : this.#byId.get(id);
  }

  placed(index: number | undefined): Item | undefined {
    return index === undefined ? undefined : this.#byIndex.get(index);
  }

  /**
   * The items that may be the one of an event, latest first: never many, so that a stream of any length takes linear time.
   */
  recent(who: Identity): Item[] {
    const items = this.items.slice(-RECENT).toReversed();
    const { latest } = this;
    const inOrder = latest === undefined ? items : [latest, ...items.filter((item) => item !== latest)];
    return inOrder.filter((item) => {
      const isOther = who.id !== undefined && item.id !== undefined && item.id !== who.id;
      return !isElsewhere(item, who) && !(isOther && (this.keepsIds || item.index !== who.index));
    });
  }

  /** The item at a place. Another id is another item, unless each event has another id. */
  #there({ id, index }: Identity): Item | undefined {
    const placed = this.placed(index);
    const isOtherId = id !== undefined && placed?.id !== undefined && placed.id !== id;
    return isOtherId && (placed.closed || this.keepsIds) ? undefined : placed;
  }

  /** The latest item, if it has only an index so far and this is an id, or the other way round, or if this is nothing. */
  #half(who: Identity): Item | undefined {
    const last = this.latest;
    if (last === undefined || isNameless(who)) return last;
    const isHalf =
      who.id === undefined ? last.index === undefined : who.index === undefined && last.id === undefined;
    return isHalf && !last.closed && !last.whole ? last : undefined;
  }

  /** Whether an item found by its id is another call, whose id is the same by mistake. */
  #isOtherCall(item: Item, { callId, index }: Identity): boolean {
    if (callId === undefined || item.callId === undefined || item.callId === callId) return false;
    const elsewhere = index !== undefined && item.index !== undefined && item.index !== index;
    return item.closed || elsewhere || this.#byId.has(callId);
  }
}

/** Whether an item is at another place than an event, and its id says nothing else. */
function isElsewhere(item: Tracked, { id, index }: Identity): boolean {
  const otherIndex = index !== undefined && item.index !== undefined && index !== item.index;
  return otherIndex && (id === undefined || item.id !== id);
}

/** Whether an item and an event differ in both id and place. */
function areApart(item: Tracked, who: Identity): boolean {
  return isElsewhere(item, who) && item.id !== undefined && who.id !== undefined;
}

/** Whether an event tells nothing at all of its item. */
export function isNameless({ id, callId, index }: Identity): boolean {
  return id === undefined && callId === undefined && index === undefined;
}

/** Whether the event before had the same `sequence_number`. A server that does not count numbers all events 0. */
export function isRepeated(sequence: unknown, before: unknown): boolean {
  return sequence === before && typeof sequence === 'number' && sequence > 0;
}

/** An item without the fields that are nested too deep; arguments of that kind become a text that is no JSON. */
export function plainItem(item: Record<string, unknown>): Record<string, unknown> {
  const deep = Object.keys(item).filter((name) => isDeeper(item[name]));
  if (deep.length === 0) return item;
  const fields = Object.entries(item).filter(([name]) => !deep.includes(name));
  const marked = deep.includes('arguments') ? [['arguments', 'nested too deep'] as const] : [];
  return Object.fromEntries([...fields, ...marked]);
}

/** The objects of a list; of anything else none. */
export function recordsOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
