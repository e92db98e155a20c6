import type { Json } from '../../shared/request-context.ts';

/** What OpenAI takes as the id of an item; anything else is a 400. */
const ITEM_ID = /^[\w-]{1,64}$/;

/**
 * The ids of a request's items, which are optional. The API refuses one that is too long, that has other characters than letters,
 * digits, `_` and `-`, or that comes twice ("Duplicate item found with id").
 */
export class ItemIds {
  /** Made with the first one: most requests hold no item of the server. */
  #seen: Set<string> | undefined;
  readonly #isData: (id: string) => boolean;

  /** `isData`: ids that the server has put something into, which go back as they came. */
  constructor(isData: (id: string) => boolean) {
    this.#isData = isData;
  }

  /** The next item, without its id if the API would refuse that. */
  checked(item: Json): Json {
    const { id, type } = item;
    // A reference is nothing without it.
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
