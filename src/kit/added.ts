/** Adds to a list and returns it. The first item gets a list of its own, because `push()` on an empty list makes room for sixteen more. */
export function added<T>(list: T[], item: T): T[] {
  if (list.length === 0) return [item];
  list.push(item);
  return list;
}
