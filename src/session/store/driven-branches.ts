import type { BranchFields } from './branch-fields.ts';
import type { Branches, OpenTurn, Tip } from './branch-fields.ts';
import type { TurnContent } from './contents.ts';
import type { Loaded, Place } from './driver.ts';
import { isPending } from './driver-calls.ts';
import type { DriverCalls } from './driver-calls.ts';
import { placeOfMessage } from './message-id.ts';
import type { SessionContents } from './session-contents.ts';
import { noMessageError, noSessionError } from './store-errors.ts';
import type { Branch, SessionKey } from './store.ts';

/** The way to a message. */
export interface FoundWay<Content> {
  readonly loaded: Loaded<Content>;
  /** How many messages of the newest row come after the message. */
  readonly beyond: number;
}

/** Where an append hangs. */
export interface Hang<Content> {
  /** The position of the row that the append follows; 0: none. */
  readonly position: number;
  /** The first messages of a row, to be stored again, if the append follows one in its middle. */
  readonly kept?: TurnContent | undefined;
  /** The fields to change. */
  readonly fields: Readonly<Record<string, Content | undefined>>;
}

/** The branches of sessions. A driver knows rows and which of them is the head; the branches are described by fields. */
export class DrivenBranches<Content> {
  readonly #calls: DriverCalls<Content>;
  readonly #contents: SessionContents<Content>;
  readonly #fields: BranchFields<Content>;

  constructor(
    calls: DriverCalls<Content>,
    contents: SessionContents<Content>,
    fields: BranchFields<Content>,
  ) {
    this.#calls = calls;
    this.#contents = contents;
    this.#fields = fields;
  }

  /** The way to a message, with at least the `last` newest messages on it. Undefined if there is no such session. */
  async find(
    doing: string,
    key: SessionKey,
    place: Place,
    id: string,
    last: number,
  ): Promise<FoundWay<Content> | undefined> {
    const { position, n } = placeOfMessage(id) ?? { position: 0, n: 0 };
    const least = Math.max(1, last);
    const loaded = await this.#load(doing, place, least, position);
    if (loaded === undefined) return undefined;
    const row = loaded.rows.at(-1);
    const at = row?.position === position ? n - this.#contents.startOf(key, row).n : -1;
    if (row === undefined || at < 0 || at >= row.weight) throw noMessageError(key, id);
    const beyond = row.weight - 1 - at;
    if (beyond === 0) return { loaded, beyond };
    const more = await this.#load(doing, place, least + beyond, position);
    return more && { loaded: more, beyond };
  }

  /** Where an append hangs that follows a message, or with `''` none. `version`: that of the append. */
  async hang(key: SessionKey, place: Place, after: string, version: number): Promise<Hang<Content>> {
    const [way, now] = await Promise.all([
      after === '' ? undefined : this.find('append', key, place, after, 1),
      this.#load('append', place, 1),
    ]);
    if (now === undefined) {
      if (after === '') return { position: 0, fields: {} };
      throw noSessionError(key);
    }
    const fields = this.#fields.moved(this.#branchesOf(key, now), this.#tipOf(key, now), after, version);
    const row = way?.loaded.rows.at(-1);
    if (way === undefined || row === undefined) return { position: 0, fields };
    if (way.beyond === 0) return { position: row.position, fields };
    const whole = await this.#load('append', place, row.weight + 1, row.position);
    const kept = this.#contents.kept(key, row, row.weight - way.beyond, version);
    return { position: whole?.rows.at(-2)?.position ?? 0, kept, fields };
  }

  /** The open turn on the way to a message, or to the head. */
  async openOn(
    key: SessionKey,
    place: Place,
    opens: readonly OpenTurn[],
    leaf: string | undefined,
  ): Promise<string | undefined> {
    if (opens.length === 0) return undefined;
    if (leaf === undefined && opens.every(({ on }) => on === undefined)) return newestOf(opens);
    const now = await this.#load('load', place, 1);
    const head = now && this.#tipOf(key, now)?.id;
    return newestOf(opensOn(opens, leaf ?? head, head));
  }

  async list(key: SessionKey, place: Place): Promise<Branch[]> {
    const now = await this.#load('branches', place, 1);
    const tip = now && this.#tipOf(key, now);
    if (now === undefined || tip === undefined) return [];
    const { line, others, opens } = this.#branchesOf(key, now);
    const listed = [
      ...others.map((one) => ({ ...one, isHead: false })),
      { ...line, ...tip, isHead: true },
    ].sort((a, b) => a.since - b.since);
    const branches = listed.map(({ id, parent, messageCount, updatedAt, isHead }): Branch => {
      const open = newestOf(opensOn(opens, id, tip.id));
      return { id, parent, messageCount, updatedAt, isHead, ...(open !== undefined && { open }) };
    });
    for (const { on } of opens) {
      if (on === undefined || branches.some(({ id }) => id === on.id)) continue;
      const open = newestOf(opensOn(opens, on.id, tip.id));
      branches.push({ ...on, parent: on.id, isHead: false, open });
    }
    return branches;
  }

  async #load(
    doing: string,
    place: Place,
    last: number,
    from?: number,
  ): Promise<Loaded<Content> | undefined> {
    const { driver } = this.#calls;
    const answer = this.#calls.call(doing, () => driver.load(this.#calls.placeOf(place), last, from));
    return isPending(answer) ? await answer : answer;
  }

  #branchesOf(key: SessionKey, { fields }: Loaded<Content>): Branches {
    return { ...this.#fields.read(key, fields), opens: this.#contents.readFields(key, fields).opens };
  }

  /** The newest message of a way. */
  #tipOf(key: SessionKey, { rows, messages }: Loaded<Content>): Tip | undefined {
    const row = rows.at(-1);
    if (row === undefined) return undefined;
    return { id: this.#contents.newestId(key, row), messageCount: messages, updatedAt: row.at };
  }
}

/** The turns that are open on the way to a message. */
function opensOn(
  opens: readonly OpenTurn[],
  id: string | undefined,
  head: string | undefined,
): readonly OpenTurn[] {
  return opens.filter(({ on }) => id !== undefined && (on === undefined ? head : on.id) === id);
}

/** The one with the newest lease. */
function newestOf(opens: readonly OpenTurn[]): string | undefined {
  let newest = opens[0];
  for (const one of opens) if (newest === undefined || one.token > newest.token) newest = one;
  return newest?.turnId;
}
