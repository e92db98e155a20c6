import type { Place } from '../../src/index.ts';

/** Where an owner's data lives: one slot, mostly another one than those of its sessions. */
export interface OwnerKeys {
  /** A sorted set of the ids of its sessions. May hold more than there are. */
  index: string;
  /** A sorted set: when ids were put into the index, for a while. */
  recent: string;
  /** A hash: what it has spent. */
  spend: string;
  /** A sorted set: turns that are being written and are not in the sums yet. Used in a cluster. */
  open: string;
}

/**
 * Names the keys. Owner and id are encoded (S14), so that neither braces nor separators of theirs mean anything: no two sessions share a key, and
 * all keys of an owner share a slot.
 */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /**
   * All of a session: version, lease, sums, metadata, rows of messages, turn ids. It is one hash, so that neither an eviction nor an expiry leaves
   * half of it.
   */
  session({ owner, id }: Place): string {
    return `${this.#prefix}:session:{${encodeURIComponent(owner)}:${encodeURIComponent(id)}}`;
  }

  owner(owner: string): OwnerKeys {
    // No encoded text begins with @, and an empty tag would be none.
    const tag = `{@${encodeURIComponent(owner)}}`;
    return {
      index: `${this.#prefix}:index:${tag}`,
      recent: `${this.#prefix}:recent:${tag}`,
      spend: `${this.#prefix}:spend:${tag}`,
      open: `${this.#prefix}:open:${tag}`,
    };
  }
}
