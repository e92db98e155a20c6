/** What the id of a tool call may look like. */
export interface IdRule {
  /** The most characters. */
  readonly maxLength: number;
  /** The characters that an id must not have, as a global pattern. Default: all are allowed. */
  readonly forbidden?: RegExp;
  /** Whether an id must have exactly `maxLength` letters and digits. */
  readonly exact?: true;
  /** Matches ids in which the server keeps data. They go back unchanged, however long they are. */
  readonly carriesData?: RegExp;
}

const HASH_LENGTH = 8;

/**
 * Gives the calls of one request ids that the API takes and that are unique. A valid id stays as it is. A new id depends
 * only on the old one and on the ids before it: the next turn sends the same ids, so that a prompt cache still matches.
 */
export class WireIds {
  readonly #rule: IdRule;
  readonly #used = new Set<string>();
  /** How often an id came whose new id was already taken. */
  readonly #times = new Map<string, number>();

  constructor(rule: IdRule) {
    this.#rule = rule;
  }

  /** Reserves an id that is sent unchanged, so that no call gets it. */
  reserve(id: string): void {
    this.#used.add(id);
  }

  /** The id to send for one more call. `isServers`: the server gave it, so that it may have any length. */
  name(id: string, isServers = false): string {
    const wellFormed = id.toWellFormed();
    let name = this.#fitted(wellFormed, isServers);
    while (this.#used.has(name)) {
      const times = (this.#times.get(id) ?? 0) + 1;
      this.#times.set(id, times);
      name = this.#hashed(wellFormed, `${id} ${times}`);
    }
    this.#used.add(name);
    return name;
  }

  #fitted(id: string, isServers: boolean): string {
    const { maxLength, exact, carriesData } = this.#rule;
    if (exact === true) return id.length === maxLength && isAlphanumeric(id) ? id : this.#hashed(id, id);
    const clean = this.#clean(id);
    return clean.length <= maxLength || isServers || carriesData?.test(id) === true
      ? clean
      : this.#hashed(id, id);
  }

  #hashed(id: string, hashed: string): string {
    const { maxLength, exact } = this.#rule;
    const hash = hashOf(hashed);
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

/** 16 hexadecimal digits that depend on a text. It is cyrb53 (bryc, public domain) with all of its bits. Ids that collide are told apart above. */
function hashOf(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
