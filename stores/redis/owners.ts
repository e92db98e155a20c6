import * as z from 'zod';
import type { Place, Sums } from '../../src/index.ts';
import type { Keys } from './keys.ts';
import { CLEAR, DROP, PAGE, REGISTER, SETTLE, SPENT, UNLIST } from './owner-scripts.ts';
import { registeredOf, spentOf, textsOf } from './replies.ts';
import type { Server, StoreCall } from './server.ts';
import { LOOK, RESOLVE } from './session-scripts.ts';

/** A version and the time of the last change; undefined if there is no session. */
interface Look {
  version: number;
  updatedAt: number;
}

const payload = z.object({
  id: z.string(),
  group: z.string(),
  from: z.number(),
  amounts: z.array(z.string()),
});

/** A write that adds to the sums: which rows it stores, and what it adds as pairs of name and amount. */
export interface PaidWrite {
  group: string;
  from: number;
  amounts: string[];
}

/** After this time the writer of a turn counts as dead. */
const ABANDONED_MICROS = 60_000_000;

/**
 * What belongs to an owner: the index of its sessions, and its sums.
 *
 * In a cluster they are in another slot than the sessions, and no script can access both. So a session is added to the index before it is written
 * to, and stale ids are removed when they are found. Sums use tickets: one is opened before a turn is appended, and its number is stored with the turn;
 * closing it adds the amounts, once. A ticket that a crash leaves open is closed by whoever finds it, depending on whether the append was stored.
 */
export class Owners {
  readonly #server: Server;
  readonly #keys: Keys;

  constructor(server: Server, keys: Keys) {
    this.#server = server;
    this.#keys = keys;
  }

  /** Ids from the index, in its order, after a cursor. */
  async page(call: StoreCall, owner: string, cursor: string | undefined, limit: number): Promise<string[]> {
    const { index } = this.#keys.owner(owner);
    const args = [cursor === undefined ? '-' : `(${cursor}`, String(limit)];
    return textsOf(await this.#server.run(call, PAGE, { keys: [index], args }));
  }

  /** Looks at sessions, and removes ids without a session from the index. */
  async look(call: StoreCall, owner: string, ids: readonly string[]): Promise<(Look & { id: string })[]> {
    const looks = await Promise.all(
      ids.map(async (id) => ({ id, look: await this.#look(call, { owner, id }) })),
    );
    const stale = looks.filter(({ look }) => look === undefined).map(({ id }) => id);
    if (stale.length > 0) {
      const { index, recent } = this.#keys.owner(owner);
      await this.#server.run(call, DROP, { keys: [index, recent], args: stale });
    }
    return looks.flatMap(({ id, look }) =>
      look === undefined || look.version === 0 ? [] : [{ id, ...look }],
    );
  }

  /** In a cluster, before a write: adds the session to the index, and opens a ticket for what a turn adds to the sums. */
  async register(
    call: StoreCall,
    { owner, id }: Place,
    paid?: PaidWrite,
  ): Promise<{ ticket: string; others: string[]; old: string[] }> {
    const { index, recent, open, spend } = this.#keys.owner(owner);
    const args = [id, paid === undefined ? '' : JSON.stringify({ id, ...paid })];
    return registeredOf(await this.#server.run(call, REGISTER, { keys: [index, recent, open, spend], args }));
  }

  /** Closes tickets: adds the amounts of one, and withdraws the others. */
  async settle(call: StoreCall, owner: string, stored: string, withdrawn: readonly string[]): Promise<void> {
    const { open, spend } = this.#keys.owner(owner);
    const args = [stored, String(withdrawn.length), ...withdrawn];
    await this.#server.run(call, SETTLE, { keys: [open, spend], args });
  }

  /** What an owner has spent. First closes tickets that a crash has left open. */
  async spend(call: StoreCall, owner: string): Promise<Sums> {
    const first = await this.#spent(call, owner);
    const closed = await this.#close(call, owner, first.old, first.micros);
    const { sums } = closed ? await this.#spent(call, owner) : first;
    return sums;
  }

  /** Takes care of what a write has found: ids that may be stale, and old tickets. */
  async tidy(
    call: StoreCall,
    owner: string,
    ids: readonly string[],
    tickets: readonly string[],
  ): Promise<void> {
    await this.look(call, owner, ids);
    if (tickets.length > 0) await this.#close(call, owner, tickets, Infinity);
  }

  /** In a cluster, after the deletion of sessions: removes them from the index, except those that have been created again. */
  async unlist(call: StoreCall, owner: string, ids: readonly string[]): Promise<void> {
    const { index, recent } = this.#keys.owner(owner);
    await this.#server.run(call, UNLIST, { keys: [index, recent], args: [...ids] });
    const again = async (id: string): Promise<void> => {
      if ((await this.#look(call, { owner, id })) !== undefined) await this.register(call, { owner, id });
    };
    await Promise.all(ids.map(again));
  }

  /** Deletes the sums. */
  async clear(call: StoreCall, owner: string): Promise<void> {
    const { open, spend } = this.#keys.owner(owner);
    await this.#server.run(call, CLEAR, { keys: [open, spend], args: [] });
  }

  async #spent(call: StoreCall, owner: string): Promise<ReturnType<typeof spentOf>> {
    const { open, spend } = this.#keys.owner(owner);
    return spentOf(await this.#server.run(call, SPENT, { keys: [open, spend], args: [] }));
  }

  async #look(call: StoreCall, place: Place): Promise<Look | undefined> {
    const command = { keys: [this.#keys.session(place)], args: [] };
    const [version, updatedAt] = textsOf(await this.#server.run(call, LOOK, command));
    return version === undefined ? undefined : { version: Number(version), updatedAt: Number(updatedAt) };
  }

  /** Closes abandoned tickets, depending on whether their appends were stored. Returns whether it closed any. */
  async #close(call: StoreCall, owner: string, tickets: readonly string[], micros: number): Promise<boolean> {
    let closed = false;
    for (const entry of tickets) {
      const space = entry.indexOf(' ');
      const ticket = entry.slice(0, space);
      const abandoned = micros - Number(ticket) > ABANDONED_MICROS;
      const { id, group, from } = payload.parse(JSON.parse(entry.slice(space + 1)));
      const keys = [this.#keys.session({ owner, id })];
      const args = [group, String(from), ticket, abandoned ? '1' : '0'];
      const [became] = textsOf(await this.#server.run(call, RESOLVE, { keys, args }));
      // If the session is gone, nobody knows whether the turn was in it. It counts, because the model was paid.
      if (became === 'stored' || (became === 'gone' && abandoned)) await this.settle(call, owner, ticket, []);
      else if (became === 'void') await this.settle(call, owner, '', [ticket]);
      else continue;
      closed = true;
    }
    return closed;
  }
}
