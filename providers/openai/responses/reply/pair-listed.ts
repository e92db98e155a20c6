import type { ItemTable, Identity, OutputItem } from './item-table.ts';

type Json = Record<string, unknown>;

/** An item of the final list. */
export interface Listed {
  json: Json;
  who: Identity;
}

/** How an item of the stream is compared with one of the final list. */
export interface Comparison<Item extends OutputItem> {
  /** Whether the listed item is the same one, or continues it. */
  isSame: (item: Item, json: Json) => boolean;
  /** A key of the content. Items with the same key are the same if their ids say nothing. */
  keyOf: (item: Item) => string;
  keyOfJson: (json: Json) => string;
  /** The name of an item that is not complete. A listed item with this name is the same one. */
  openName?: (item: Item) => string | undefined;
}

/**
 * Matches the items of the final list with those of the stream. Each has at most one partner. Proxies list items under
 * other ids or indices, in another order, or not at all. A listed item without a partner was not delivered yet.
 */
export function paired<Item extends OutputItem>(
  listed: readonly Listed[],
  table: ItemTable<Item>,
  { isSame, keyOf, keyOfJson, openName }: Comparison<Item>,
): Map<Json, Item> {
  const pairs = new Map<Json, Item>();
  function pair(find: (one: Listed) => Item | undefined): void {
    if (pairs.size === listed.length) return;
    for (const one of listed) {
      const item = pairs.has(one.json) ? undefined : find(one);
      if (item === undefined || item.listed) continue;
      item.listed = true;
      pairs.set(one.json, item);
    }
  }
  function same(item: Item | undefined, { json }: Listed): Item | undefined {
    return item !== undefined && !item.listed && isSame(item, json) ? item : undefined;
  }
  pair((one) => same(table.withId(one.who.id), one));
  pair((one) => table.withId(one.who.callId));
  let alike: Map<string, Item[]> | undefined;
  pair(({ json }) => {
    alike ??= Map.groupBy(table.items.filter((item) => !item.listed).toReversed(), keyOf);
    return alike.get(keyOfJson(json))?.pop();
  });
  pair(({ who }) => {
    const item = table.withId(who.id);
    const isOtherCall = item?.callId !== undefined && who.callId !== undefined && item.callId !== who.callId;
    return isOtherCall ? undefined : item;
  });
  pair((one) => same(table.placed(one.who.index), one));
  let next = 0;
  pair((one) => {
    while (table.items[next]?.listed === true) next++;
    return same(table.items[next], one);
  });
  let open: Map<string | undefined, Item[]> | undefined;
  if (openName === undefined) return pairs;
  pair(({ json }) => {
    open ??= Map.groupBy(table.items.filter((item) => !item.listed).toReversed(), openName);
    return typeof json['name'] === 'string' ? open.get(json['name'])?.pop() : undefined;
  });
  return pairs;
}
