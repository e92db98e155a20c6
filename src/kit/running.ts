/** One of what runs, and where it is in the list. */
export interface Entry<T> {
  readonly one: T;
  /** Undefined: it is not in the list. */
  place: number | undefined;
}

/**
 * What runs now, in no order. A list, because a `Set` from which something is always missing and to which something is always added is copied again and again, and the tables
 * that V8 leaves behind keep what was in them until the next full collection: see docs/decisions/0009-what-the-collector-sees.md.
 */
export class Running<T> {
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** All of it, at this moment. */
  get all(): readonly T[] {
    return this.#entries.map(({ one }) => one);
  }

  /** The entry of the first that fits. It looks at one after the other: for what is looked up rarely. */
  find(fits: (one: T) => boolean): Entry<T> | undefined {
    return this.#entries.find(({ one }) => fits(one));
  }

  add(entry: Entry<T>): void {
    entry.place = this.#entries.push(entry) - 1;
  }

  /** Takes it out, if it is in the list. The last one gets its place. */
  delete(entry: Entry<T>): void {
    const { place } = entry;
    if (place === undefined) return;
    entry.place = undefined;
    const last = this.#entries.pop();
    if (last === undefined || last === entry) return;
    last.place = place;
    this.#entries[place] = last;
  }
}
