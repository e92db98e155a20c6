/** How many requested models are remembered. */
const MOST = 1_000;

/** A place at which different requests for the same model were answered by different ones, for example below a router. */
const SEVERAL = Symbol('several');

/**
 * Remembers which model of which provider the requests for a model have asked first, so that the next one can wait for the limits of that model
 * before it takes a permit. It is forgotten when too many models are asked for.
 */
export class Routes {
  readonly #firsts = new Map<string, string | typeof SEVERAL>();

  /** The name of what a request for this model most likely asks; undefined if that is not known. */
  guess(requested: string | undefined): string | undefined {
    const first = this.#firsts.get(requested ?? '');
    return first === SEVERAL ? undefined : first;
  }

  /** A request for this model has asked that one first. */
  saw(requested: string | undefined, asked: string): void {
    const known = this.#firsts.get(requested ?? '');
    if (known === asked || known === SEVERAL) return;
    if (this.#firsts.size >= MOST) this.#firsts.clear();
    this.#firsts.set(requested ?? '', known === undefined ? asked : SEVERAL);
  }
}
