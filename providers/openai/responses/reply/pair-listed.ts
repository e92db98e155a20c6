import type { ItemTable, Identity, Tracked } from './item-table.ts';

type Json = Record<string, unknown>;

/** An item of the list at the end of a reply. */
export interface Listed {
  json: Json;
  who: Identity;
}

/** How an item that came and one that is listed are compared. */
export interface Comparison<Item extends Tracked> {
  /** Whether the listed one is the other, or goes on with it. */
  isSame: (item: Item, json: Json) => boolean;
  /** The content of either: items with one key are the same if their ids say nothing. */
  keyOf: (item: Item) => string;
  keyOfJson: (json: Json) => string;
  /** The name of an item that is not complete: what is listed under it is that one. */
  openName?: (item: Item) => string | undefined;
}

/**
 * Pairs the items of the list at the end with those that came before, each with one at most. Proxies list them under other ids,
 * at other places, in another order, and some of them not at all: what has no partner was not seen yet.
 */
export function paired<Item extends Tracked>(
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
