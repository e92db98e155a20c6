/** How many names are remembered. They may come from requests. */
const MAX_REMEMBERED = 500;

/** Names that have been logged. */
export class NamedOnce {
  readonly #names = new Set<string>();

  /** Whether a name is new. */
  isNew(name: string): boolean {
    if (this.#names.has(name) || this.#names.size >= MAX_REMEMBERED) return false;
    this.#names.add(name);
    return true;
  }
}
