import { createHash } from 'node:crypto';

/** What the id of a tool call has to look like on a wire. */
export interface IdRule {
  /** Most characters. */
  readonly maxLength: number;
  /** The characters that an id must not have, as a global pattern. Absent: all are allowed. */
  readonly forbidden?: RegExp;
  /** An id has `maxLength` letters and digits, no more and no less. */
  readonly exact?: true;
  /** Ids that carry data of the server. They go back as they came, however long they are. */
  readonly carriesData?: RegExp;
}

const HASH_LENGTH = 8;

/**
 * Gives the calls of one request ids that the wire takes and that occur once. A good id stays as it is. The name of any other
 * depends on nothing but the id and the ids before it, so that the next turn sends the same one and a prompt cache still hits.
 */
export class WireIds {
  readonly #rule: IdRule;
  readonly #used = new Set<string>();
  /** How many times an id came whose name was another's already. */
  readonly #times = new Map<string, number>();

  constructor(rule: IdRule) {
    this.#rule = rule;
  }

  /** Keeps an id that goes out as it is, so that no call gets it. */
  reserve(id: string): void {
    this.#used.add(id);
  }

  /** The id of one more call on the wire. */
  name(id: string): string {
    const wellFormed = id.toWellFormed();
    let name = this.#fitted(wellFormed);
    while (this.#used.has(name)) {
      const times = (this.#times.get(id) ?? 0) + 1;
      this.#times.set(id, times);
      name = this.#hashed(wellFormed, `${id} ${times}`);
    }
    this.#used.add(name);
    return name;
  }

  #fitted(id: string): string {
    const { maxLength, exact, carriesData } = this.#rule;
    if (exact === true) return id.length === maxLength && isAlphanumeric(id) ? id : this.#hashed(id, id);
    const clean = this.#clean(id);
    return clean.length <= maxLength || carriesData?.test(id) === true ? clean : this.#hashed(id, id);
  }

  #hashed(id: string, hashed: string): string {
    const { maxLength, exact } = this.#rule;
    const hash = createHash('sha256').update(hashed).digest('hex');
    if (exact === true) return hash.slice(0, maxLength);
    const head = this.#clean(id).slice(0, maxLength - HASH_LENGTH - 1);
    return `${head.toWellFormed()}_${hash.slice(0, HASH_LENGTH)}`;
  }

  #clean(id: string): string {
    const { forbidden } = this.#rule;
    return (forbidden === undefined ? id : id.replaceAll(forbidden, '_')) || 'call';
  }
}

function isAlphanumeric(id: string): boolean {
  return /^[a-zA-Z0-9]*$/.test(id);
}
