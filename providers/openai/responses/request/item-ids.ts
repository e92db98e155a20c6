import type { Json } from '../../shared/request-context.ts';

/** The ids that OpenAI takes for items. Any other id gets status 400. */
const ITEM_ID = /^[\w-]{1,64}$/;

/**
 * Checks the ids of a request's items, which are optional. The API refuses an id that is too long, that has other
 * characters than letters, digits, `_` and `-`, or that comes twice ("Duplicate item found with id").
 */
export class ItemIds {
  /** Made with the first id, because most requests have no items of the server. */
  #seen: Set<string> | undefined;
  readonly #isData: (id: string) => boolean;

  /** `isData` matches ids in which the server keeps data. They go back unchanged. */
  constructor(isData: (id: string) => boolean) {
    this.#isData = isData;
  }

  /** The next item, without its id if the API would refuse that. */
  checked(item: Json): Json {
    const { id, type } = item;
    // A reference is useless without its id.
    if (typeof id !== 'string' || type === 'item_reference') return item;
    this.#seen ??= new Set();
    if (this.#seen.has(id) || !(ITEM_ID.test(id) || this.#isData(id))) return withoutId(item);
    this.#seen.add(id);
    return item;
  }
}

/** An item without its id. */
export function withoutId(item: Json): Json {
  const { id: _id, ...rest } = item;
  return rest;
}
