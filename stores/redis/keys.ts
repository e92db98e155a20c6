import type { Place } from '../../src/index.ts';

/** The keys of an owner's data. They share one slot, which is usually not the slot of a session. */
export interface OwnerKeys {
  /** A sorted set of the ids of its sessions. It may also contain ids of sessions that are gone. */
  index: string;
  /** A sorted set of the ids that were added to the index lately, with the time. */
  recent: string;
  /** A hash: what it has spent. */
  spend: string;
  /** A sorted set: turns that are being written and are not in the sums yet. Used in a cluster. */
  open: string;
}

/**
 * Names the keys. Owner and id are encoded, so that braces and separators in them have no special meaning: no two sessions share a key, and
 * all keys of an owner share a slot.
 */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /**
   * Everything of a session: version, lease, sums, metadata, rows of messages, turn ids. It is one hash, so that neither an eviction nor an expiry leaves
   * half of it.
   */
  session({ owner, id }: Place): string {
    return `${this.#prefix}:session:{${encodeURIComponent(owner)}:${encodeURIComponent(id)}}`;
  }

  owner(owner: string): OwnerKeys {
    // The @ keeps the tag from being empty, which Redis would ignore. No encoded text begins with @.
    const tag = `{@${encodeURIComponent(owner)}}`;
    return {
      index: `${this.#prefix}:index:${tag}`,
      recent: `${this.#prefix}:recent:${tag}`,
      spend: `${this.#prefix}:spend:${tag}`,
      open: `${this.#prefix}:open:${tag}`,
    };
  }
}
