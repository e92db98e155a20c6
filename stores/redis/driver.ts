import type { Loaded, Place, StoreDriver, StoredRow, Sums, Write, Written } from '../../src/index.ts';
import { UnknownFormError } from './failures.ts';
import { Keys } from './keys.ts';
import type { RedisStoreSettings } from './options.ts';
import { Owners } from './owners.ts';
import { loadedOf, rowOf, textsOf } from './replies.ts';
import { Server } from './server.ts';
import type { StoreCall } from './server.ts';
import { DELETE, GROUP, LEASE, LOAD, RELEASE, RENEW } from './session-scripts.ts';
import { Sessions } from './sessions.ts';

/** The maximum number of sessions per page. */
const MOST_LOOKS = 500;

/** Sessions in Redis. The clock is the server's. Each verb has `timeoutMs` for all of its commands. */
export class RedisDriver implements StoreDriver {
  readonly #server: Server;
  readonly #owners: Owners;
  readonly #sessions: Sessions;
  readonly #own: boolean;
  readonly #ttl: string;

  constructor({ client, own, prefix, ttlMs, timeoutMs }: RedisStoreSettings) {
    this.#server = new Server(client, timeoutMs);
    const keys = new Keys(prefix);
    this.#owners = new Owners(this.#server, keys);
    this.#sessions = new Sessions(this.#server, keys, this.#owners);
    this.#own = own;
    this.#ttl = ttlMs === undefined ? '' : milliseconds(ttlMs);
  }

  async load(place: Place, last: number, from?: number): Promise<Loaded | undefined> {
    const args = [last === Infinity ? '' : String(last), textOf(from)];
    return loadedOf(await this.#server.call((call) => this.#sessions.run(call, LOAD, place, args)));
  }

  async group(place: Place, id: string): Promise<StoredRow[]> {
    const reply = await this.#server.call((call) => this.#sessions.run(call, GROUP, place, [id]));
    return textsOf(reply).map(rowOf);
  }

  async write(place: Place, write: Write): Promise<Written> {
    const { group, version, rows, sums = {} } = write;
    const amounts = Object.entries(sums).flatMap(([name, amount]) => [name, String(amount)]);
    const argsWith = argumentsOf(place, write, amounts, this.#ttl);
    const paid =
      group === undefined || amounts.length === 0
        ? undefined
        : { group: group.id, from: group.from, amounts };
    // A new session whose rows are not an append is a copy. If this fails, nobody knows its id.
    const isCopy = version === 0 && group === undefined && rows.length > 0;
    const { word, values } = await this.#server.call(async (call) => {
      try {
        const answer = await this.#sessions.append(call, place, argsWith, { begins: version === 0, paid });
        if (isCopy) this.#server.check(call);
        return answer;
      } catch (error) {
        // The server may have run the write anyway. It is deleted only now, because the client may have sent it late.
        if (isCopy) this.#sessions.later(this.delete(place));
        throw error;
      }
    });
    const found = { version: Number(values[0]), token: Number(values[1]) };
    if (word === 'stored') return found;
    if (word === 'group' || word === 'token' || word === 'version' || word === 'before')
      return { refused: word, ...found };
    throw new UnknownFormError(`The server answered "${word}".`);
  }

  async lease(
    place: Place,
    ms: number,
    takeOver: boolean,
  ): Promise<{ token: number; until: number } | undefined> {
    const args = [place.id, milliseconds(ms), takeOver ? '1' : '0', crypto.randomUUID(), this.#ttl];
    return this.#server.call(async (call) => {
      const { word, values } = await this.#sessions.write(call, LEASE, place, args);
      if (word === 'busy') return undefined;
      const [token, until, isNew] = values;
      const granted = { token: Number(token), until: Number(until) };
      try {
        // It is put into the index so that forget() finds it.
        if (isNew === '1') await this.#sessions.list(call, place);
        this.#server.check(call);
        return granted;
      } catch (error) {
        // Nobody uses this lease, and it would keep the session busy.
        this.#sessions.later(this.#release(place, granted.token));
        throw error;
      }
    });
  }

  async hold(place: Place, token: number, ms: number): Promise<number | undefined> {
    if (ms === 0) {
      await this.#release(place, token);
      return 0;
    }
    const args = [String(token), milliseconds(ms), this.#ttl];
    const reply = await this.#server.call((call) => this.#sessions.run(call, RENEW, place, args));
    const [until] = textsOf(reply);
    return until === undefined ? undefined : Number(until);
  }

  spent(owner: string): Promise<Sums> {
    return this.#server.call((call) => this.#owners.spend(call, owner));
  }

  async list(
    owner: string,
    after: string,
    limit: number,
  ): Promise<{ id: string; version: number; updatedAt: number }[]> {
    const sessions: { id: string; version: number; updatedAt: number }[] = [];
    let last = after === '' ? undefined : after;
    while (sessions.length < limit) {
      const asked = Math.min(limit - sessions.length, MOST_LOOKS);
      // Each page has its own time limit, because an owner may have any number of sessions.
      const { ids, found } = await this.#server.call(async (call) => {
        const ids = await this.#owners.page(call, owner, last, asked);
        return { ids, found: await this.#owners.look(call, owner, ids) };
      });
      sessions.push(...found);
      if (ids.length < asked) break;
      last = ids.at(-1);
    }
    return sessions;
  }

  async delete(place: Place): Promise<void> {
    await this.#server.call((call) => this.#delete(call, place));
  }

  async forget(owner: string): Promise<number> {
    let deleted = 0;
    let last: string | undefined;
    for (;;) {
      const ids = await this.#server.call(async (call) => {
        const ids = await this.#owners.page(call, owner, last, MOST_LOOKS);
        const were = await Promise.all(ids.map((id) => this.#delete(call, { owner, id })));
        deleted += were.filter(Boolean).length;
        await this.#sessions.unlist(call, owner, ids);
        return ids;
      });
      if (ids.length < MOST_LOOKS) break;
      last = ids.at(-1);
    }
    await this.#server.call((call) => this.#owners.clear(call, owner));
    return deleted;
  }

  async close(): Promise<void> {
    try {
      await this.#server.call(async () => {
        await this.#sessions.idle();
        if (this.#own) await this.#server.close();
      });
    } catch (error) {
      // A server that does not answer must not keep the connection open, or the process alive.
      if (this.#own) this.#server.destroy();
      throw error;
    }
  }

  async #release(place: Place, token: number): Promise<void> {
    const args = [place.id, String(token)];
    await this.#server.call((call) => this.#sessions.write(call, RELEASE, place, args));
  }

  async #delete(call: StoreCall, place: Place): Promise<boolean> {
    const { word } = await this.#sessions.write(call, DELETE, place, [place.id]);
    return word === '1';
  }
}

/** The arguments of the script `WRITE`, which take the ticket later. */
function argumentsOf(
  place: Place,
  write: Write,
  amounts: readonly string[],
  ttl: string,
): (ticket: string) => string[] {
  const { group, token, held = false, version, before, rows, after, head, fields = {}, drop = [] } = write;
  const sets: string[] = [];
  const gone: string[] = [];
  for (const [name, content] of Object.entries(fields)) {
    if (content === undefined) gone.push(name);
    else sets.push(name, content);
  }
  const conditions = [
    group?.id ?? '',
    String(group?.from ?? 0),
    textOf(token),
    held ? '1' : '0',
    textOf(version),
    textOf(before),
  ];
  const moves = [textOf(after), textOf(head), write.bump ? '1' : '0', write.release ? '1' : '0', ttl];
  const contents = rows.flatMap(({ weight, content }) => [String(weight), content]);
  const lists = [contents, sets, gone, amounts, drop].flatMap((list) => [String(list.length), ...list]);
  const nonce = group === undefined ? crypto.randomUUID() : '';
  return (ticket) => [place.id, ...conditions, ...moves, nonce, ticket, ...lists];
}

/** Rounds to whole milliseconds, as Redis needs them. */
function milliseconds(ms: number): string {
  return String(Math.ceil(ms));
}

function textOf(number: number | undefined): string {
  return number === undefined ? '' : String(number);
}
