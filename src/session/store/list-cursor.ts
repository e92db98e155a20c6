import { SluiceError } from '../../errors.ts';

/**
 * The cursor of a page that ends with a session: its id, after a checksum of which store made it and for which owner. It holds from one process to
 * the next. The checksum finds mistakes, not forgers: a cursor opens nothing but a place in the owner's own list.
 */
export function listCursor(store: string, owner: string, id: string): string {
  return `${checksum([store, owner, id])}.${encodeURIComponent(id)}`;
}

/** The id in a cursor. Throws `invalid_options` for a cursor that {@link listCursor} did not make for this store and owner. */
export function idOfCursor(store: string, owner: string, cursor: string): string {
  const id = decoded(cursor.slice(cursor.indexOf('.') + 1));
  if (id !== undefined && listCursor(store, owner, id) === cursor) return id;
  throw new SluiceError(
    'invalid_options',
    'list(): cursor was not made by this store for this owner: give the cursor of the last page as it came, or leave it out to start over.',
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** FNV-1a over the UTF-16 units of texts, in 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
function checksum(texts: readonly string[]): string {
  let hash = 0x811c9dc5;
  const add = (unit: number): void => {
    hash = Math.imul(hash ^ unit, 0x01000193);
  };
  for (const text of texts) {
    for (let at = 0; at < text.length; at++) add(text.charCodeAt(at));
    add(-1);
  }
  return (hash >>> 0).toString(36);
}
