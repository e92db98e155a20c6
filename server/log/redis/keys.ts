import type { StreamKey } from '../chunk-log.ts';

/**
 * Names the keys. Owner and id are encoded, so that braces and separators in them have no special meaning. The keys of a stream share a slot of a cluster, and so do those of an
 * index, which is another one.
 */
export class LogKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The state of a stream, a hash, and its entries, a stream of Redis. */
  stream(key: StreamKey): [state: string, entries: string] {
    const tag = `{${memberOf(key)}}`;
    return [`${this.#prefix}:log:${tag}`, `${this.#prefix}:log-entries:${tag}`];
  }

  /** The streams of an owner, a sorted set by the time of their open. The @ keeps the tag from being empty, which Redis would ignore. */
  ofOwner(owner: string): string {
    return `${this.#prefix}:log-owner:{@${encodeURIComponent(owner)}}`;
  }

  /** The streams of a session, as those of an owner. */
  ofSession(session: StreamKey): string {
    return `${this.#prefix}:log-session:{${memberOf(session)}}`;
  }

  /** The streams that run, a sorted set by the time at which they are to be looked at next. */
  get running(): string {
    return `${this.#prefix}:log-running`;
  }

  /** The channel of a process. */
  channel(process: string): string {
    return `${this.#prefix}:log-hints:${process}`;
  }
}

/** A key as one text. */
export function memberOf({ owner, id }: StreamKey): string {
  return `${encodeURIComponent(owner)}:${encodeURIComponent(id)}`;
}

/** The key in a text. */
export function keyOfMember(member: string): StreamKey {
  const [owner = '', id = ''] = member.split(':');
  return { owner: decodeURIComponent(owner), id: decodeURIComponent(id) };
}
