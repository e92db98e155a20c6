import { filled, isDeeper, isRecord } from '../../../wire/index.ts';

/**
 * The ids in an event of the item that it belongs to. Servers leave out each of them, and none is reliable: Copilot gives
 * an item another id in each event, proxies give several items the same index, and llama.cpp sends no index.
 */
export interface Identity {
  /** The item's `id`, or `item_id` in events without the item. */
  id: string | undefined;
  /** A call's `call_id`. */
  callId: string | undefined;
  /** The `output_index`. */
  index: number | undefined;
}

/** The ids in an event and in its item. */
export function identityOf(event: Record<string, unknown>, item?: Record<string, unknown>): Identity {
  const index = event['output_index'];
  return {
    id: filled(item?.['id']) ?? filled(event['item_id']),
    callId: filled(item?.['call_id']) ?? filled(event['call_id']),
    index: typeof index === 'number' ? index : undefined,
  };
}

/** One item of the output. */
export class OutputItem {
  id: string | undefined;
  callId: string | undefined;
  index: number | undefined;
  /** Whether it is complete: its done event came, or it was in the final list. */
  closed = false;
  /** Whether its content is complete, if it has only one content. */
  whole = false;
  /** Whether an item of the final list was matched with it. */
  listed = false;
}

/** How many of the latest items are searched if an event has no ids. */
const RECENT = 16;

/** The items of one kind, by id, by call id, and by index. */
export class ItemTable<Item extends OutputItem> {
  readonly items: Item[] = [];
  /** The item of the last event. */
  latest: Item | undefined;
  /** Whether several events of one item had the same id. */
  keepsIds = false;
  /** Items by id and call id. llama.cpp sends the call id of an item as the `item_id` of its events. */
  readonly #byId = new Map<string, Item>();
  /** The latest item of each index. */
  readonly #byIndex = new Map<number, Item>();

  add(item: Item, who: Identity): Item {
    this.items.push(item);
    this.latest = item;
    this.note(item, who);
    return item;
  }

  /** Notes the ids that an event has for an item. */
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

  /** The item with these ids or at this index, or the latest item if only the other half of its ids is known. */
  likely(who: Identity, known = this.known(who)): Item | undefined {
    const item = known ?? this.#there(who) ?? this.#half(who);
    if (item === undefined) return undefined;
    this.latest = item;
    if (item.id === undefined || item.index === undefined) this.note(item, who);
    return item;
  }

  /** The item with one of these ids. If two items have the same id, the one at this index. */
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
   * The items that an event may belong to, latest first. Their number is limited, so that the cost of a stream is linear.
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

  /** The item at an index. Another id means another item, unless each event has another id. */
  #there({ id, index }: Identity): Item | undefined {
    const placed = this.placed(index);
    const isOtherId = id !== undefined && placed?.id !== undefined && placed.id !== id;
    return isOtherId && (placed.closed || this.keepsIds) ? undefined : placed;
  }

  /** The latest item, if it has an index and no id and this is an id, or the other way round, or if this is neither. */
  #half(who: Identity): Item | undefined {
    const last = this.latest;
    if (last === undefined || isNameless(who)) return last;
    const isHalf =
      who.id === undefined ? last.index === undefined : who.index === undefined && last.id === undefined;
    return isHalf && !last.closed && !last.whole ? last : undefined;
  }

  /** Whether an item that was found by its id is another call, which has the same id by mistake. */
  #isOtherCall(item: Item, { callId, index }: Identity): boolean {
    if (callId === undefined || item.callId === undefined || item.callId === callId) return false;
    const elsewhere = index !== undefined && item.index !== undefined && item.index !== index;
    return item.closed || elsewhere || this.#byId.has(callId);
  }
}

/** Whether an item has another index than an event, and not the same id. */
function isElsewhere(item: OutputItem, { id, index }: Identity): boolean {
  const otherIndex = index !== undefined && item.index !== undefined && index !== item.index;
  return otherIndex && (id === undefined || item.id !== id);
}

/** Whether an item and an event differ in both id and index. */
function areApart(item: OutputItem, who: Identity): boolean {
  return isElsewhere(item, who) && item.id !== undefined && who.id !== undefined;
}

/** Whether an event has no ids at all. */
export function isNameless({ id, callId, index }: Identity): boolean {
  return id === undefined && callId === undefined && index === undefined;
}

/** Whether the event before had the same `sequence_number`. A server that does not count sends 0 in all events. */
export function isRepeated(sequence: unknown, before: unknown): boolean {
  return sequence === before && typeof sequence === 'number' && sequence > 0;
}

/**
 * An item without the fields that are nested too deep. Arguments that are nested too deep become a text that is not JSON.
 */
export function plainItem(item: Record<string, unknown>): Record<string, unknown> {
  const deep = Object.keys(item).filter((name) => isDeeper(item[name]));
  if (deep.length === 0) return item;
  const fields = Object.entries(item).filter(([name]) => !deep.includes(name));
  const marked = deep.includes('arguments') ? [['arguments', 'nested too deep'] as const] : [];
  return Object.fromEntries([...fields, ...marked]);
}

/** The objects in a list. Empty for any other value. */
export function recordsOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
