import { expect } from 'vitest';
import { isSluiceError } from 'sluice';
import type { Lease, Message, Spend, StateStore, TurnEnd } from 'sluice';
import { tokens } from '../core/harness.ts';
import { addTurn, noSpend } from './spend.ts';
import type { Command } from './store-commands.ts';
import { branchesOf, byId, wayTo } from './store-model-ways.ts';
import type { Ways } from './store-model-ways.ts';

interface ModelSession extends Ways {
  turns: Map<string, { messages: string[]; version: number; end: TurnEnd | undefined }>;
  metadata: Record<string, number>;
  spend: Spend;
  version: number;
  lease: ModelLease | undefined;
  leasedUntil: number;
  expiresAt: number;
}

interface ModelLease {
  of: ModelSession;
  id: string;
  released: boolean;
  real: Lease | undefined;
}

/** What a client knows. */
interface Client {
  seen: Map<string, number>;
  leases: ModelLease[];
}

const END: TurnEnd = {
  outcome: 'completed',
  usage: tokens(1, 2),
  cost: { status: 'exact', totalUsd: 0.25 },
};

/** The contract of a store as a simple model, next to a real store whose answers must be those of the model. */
export class StoreModel {
  readonly #store: StateStore;
  readonly #owner: string;
  readonly #ttlMs: number;
  /** Moves the clock of the store on. */
  readonly #wait: (ms: number) => void;
  #sessions = new Map<string, ModelSession>();
  #spend = noSpend();
  #said = 0;

  constructor(
    store: StateStore,
    options: { owner?: string; ttlMs?: number; wait?: (ms: number) => void } = {},
  ) {
    this.#store = store;
    this.#owner = options.owner ?? 'owner';
    this.#ttlMs = options.ttlMs ?? Number.POSITIVE_INFINITY;
    this.#wait = options.wait ?? (() => undefined);
  }

  client(): Client {
    return { seen: new Map(), leases: [] };
  }

  /** Makes the same call to both, and compares the answers. */
  async run(client: Client, command: Command): Promise<void> {
    switch (command.op) {
      case 'wait':
        this.#wait(command.ms);
        return;
      case 'load': {
        const kept = this.#stored(command.id);
        if (command.leaf !== undefined) await this.#learnIds(command.id, kept);
        const to =
          kept && command.leaf !== undefined ? nth([...kept.parents.keys()], command.leaf) : undefined;
        const leaf = to === undefined ? undefined : kept?.ids.get(to);
        const state = await this.#store.load(this.#key(command.id), { last: command.last, leaf });
        client.seen.set(command.id, kept?.version ?? 0);
        const way = kept && to !== undefined ? wayTo(kept, to) : (kept?.messages ?? []);
        const from = command.last === undefined ? 0 : Math.max(0, way.length - command.last);
        expect(
          state && {
            messages: textsOf(state.messages),
            messageCount: state.messageCount,
            metadata: state.metadata,
            spend: { usage: state.usage, cost: state.cost, turns: state.turns },
            version: state.version,
          },
        ).toEqual(
          kept && {
            messages: way.slice(from),
            messageCount: way.length,
            metadata: kept.metadata,
            spend: kept.spend,
            version: kept.version,
          },
        );
        return;
      }
      case 'branches': {
        const kept = this.#stored(command.id);
        await this.#learnIds(command.id, kept);
        const branches = await this.#store.branches(this.#key(command.id));
        const found = branches.map(({ id, messageCount, isHead }) => ({ id, messageCount, isHead }));
        expect(found.sort(byId)).toEqual(kept === undefined ? [] : branchesOf(kept).sort(byId));
        return;
      }
      case 'turn': {
        const kept = this.#stored(command.id)?.turns.get(turnId(command.turn));
        const stored = await this.#store.turn(this.#key(command.id), turnId(command.turn));
        expect(
          stored && {
            messages: textsOf(stored.messages),
            version: stored.version,
            end: stored.end,
          },
        ).toEqual(kept);
        return;
      }
      case 'append':
        return this.#append(client, command);
      case 'update': {
        const kept = this.#session(command.id);
        const expectedVersion = Math.max(0, (client.seen.get(command.id) ?? 0) + command.off);
        const right = expectedVersion === (kept?.version ?? 0);
        const answer = await answerOf(
          this.#store.update(this.#key(command.id), command.metadata, { expectedVersion }),
        );
        expect(answer).toEqual(right ? expectedVersion + 1 : 'conflict');
        if (!right) return;
        const session = kept ?? this.#begin(command.id);
        merge(session, command.metadata);
        this.#touch(session);
        client.seen.set(command.id, session.version);
        return;
      }
      case 'lease': {
        const kept = this.#session(command.id);
        const free = command.takeOver || kept === undefined || kept.leasedUntil <= Date.now();
        const asked = this.#store.lease(this.#key(command.id), command.ttlMs, { takeOver: command.takeOver });
        const answer = await answerOf(asked);
        if (!free) {
          expect(answer).toBe('session_busy');
          return;
        }
        const session = kept ?? this.#begin(command.id);
        const real = await asked;
        expect(real.token).toBeGreaterThan(session.lease?.real?.token ?? -1);
        session.lease = { of: session, id: command.id, released: false, real };
        client.leases.push(session.lease);
        this.#hold(session, command.ttlMs);
        return;
      }
      case 'renew': {
        const lease = chosen(client.leases, command.which);
        if (lease?.real === undefined) return;
        const mine = this.#isNewest(lease) && !lease.released;
        const answer = await answerOf(lease.real.renew(command.ttlMs));
        expect(answer).toBe(mine ? undefined : 'lease_lost');
        if (mine) this.#hold(lease.of, command.ttlMs);
        return;
      }
      case 'release': {
        const lease = chosen(client.leases, command.which);
        if (lease?.real === undefined) return;
        const mine = this.#isNewest(lease);
        expect(await answerOf(lease.real.release())).toBeUndefined();
        lease.released = true;
        if (mine) lease.of.leasedUntil = 0;
        return;
      }
      case 'fork': {
        const kept = this.#stored(command.id);
        const forked = this.#store.fork(this.#key(command.id), command.at);
        const answer = await answerOf(forked);
        if (kept === undefined) {
          expect(answer).toBe('not_found');
          return;
        }
        const copy = this.#begin((await forked).id);
        copy.messages = kept.messages.slice(0, command.at);
        copy.messages.forEach((text, at) => copy.parents.set(text, copy.messages[at - 1] ?? ''));
        copy.metadata = { ...kept.metadata };
        this.#touch(copy);
        return;
      }
      case 'delete':
        await this.#store.delete(this.#key(command.id));
        this.#sessions.delete(command.id);
        return;
      case 'forget': {
        const stored = this.#storedIds().length;
        expect(await this.#store.forget(this.#owner)).toBe(stored);
        this.#sessions.clear();
        this.#spend = noSpend();
        return;
      }
      case 'list': {
        const { sessions } = await this.#store.list({ owner: this.#owner });
        expect(sessions.map((session) => session.id).sort()).toEqual(this.#storedIds());
        return;
      }
      case 'spend':
        expect(await this.#store.spend(this.#key(command.id))).toEqual(
          this.#stored(command.id)?.spend ?? noSpend(),
        );
        return;
      case 'spendOfOwner':
        expect(await this.#store.spend({ owner: this.#owner })).toEqual(this.#spend);
        return;
    }
  }

  /** Compares everything that is stored. */
  async compare(): Promise<void> {
    const client = this.client();
    for (const known of [...this.#sessions.keys(), 'a', 'b']) {
      await this.run(client, { op: 'load', id: known, last: undefined });
      await this.run(client, { op: 'load', id: known, last: 2 });
      for (let at = 0; at < 4; at++) await this.run(client, { op: 'turn', id: known, turn: at });
      await this.run(client, { op: 'branches', id: known });
      await this.run(client, { op: 'load', id: known, last: undefined, leaf: 1 });
    }
    await this.run(client, { op: 'list' });
    await this.run(client, { op: 'spendOfOwner' });
  }

  async #append(client: Client, command: Command & { op: 'append' }): Promise<void> {
    const kept = this.#session(command.id);
    const lease = command.lease === 'none' ? undefined : chosen(client.leases, command.lease, command.id);
    // The contract does not say what a released lease may still do.
    if (lease?.released === true) return;
    const { real } = lease ?? {};
    const contents = Array.from({ length: command.messages }, () => `m${this.#said++}`);
    const expectedVersion = Math.max(0, (client.seen.get(command.id) ?? 0) + command.off);
    const end: TurnEnd | undefined = command.end
      ? { ...END, ...(real !== undefined && { leaseToken: real.token }) }
      : undefined;
    // Those that are left behind are known then.
    if (command.after !== undefined) await this.#learnIds(command.id, kept);
    const texts = ['', ...(kept?.parents.keys() ?? [])];
    const follows = command.after === undefined ? undefined : nth(texts, command.after);
    const nothing =
      command.messages === 0 &&
      (follows === undefined ? !command.end && command.metadata === undefined : follows === '');
    const expected = ((): number | string => {
      if (nothing) return 'invalid_options';
      const same = kept?.turns.get(turnId(command.turn));
      const isOthers = end?.leaseToken !== undefined && same?.end?.leaseToken !== end.leaseToken;
      if (kept !== undefined && same !== undefined) return isOthers ? 'lease_lost' : kept.version;
      if (lease !== undefined && !this.#isNewest(lease)) return 'lease_lost';
      return expectedVersion === (kept?.version ?? 0) ? expectedVersion + 1 : 'conflict';
    })();
    const stored = kept?.turns.has(turnId(command.turn)) === true;
    const answer = await answerOf(
      this.#store.append(
        this.#key(command.id),
        contents.map((content) => ({ message: { role: 'user', content } })),
        {
          expectedVersion,
          turnId: turnId(command.turn),
          ...(real !== undefined && { lease: real, release: command.release }),
          ...(end !== undefined && { end }),
          ...(command.metadata !== undefined && { metadata: command.metadata }),
          ...(follows !== undefined && { after: kept?.ids.get(follows) ?? '' }),
        },
      ),
    );
    expect(answer).toBe(expected);
    if (typeof expected === 'string' || stored) return;
    const session = kept ?? this.#begin(command.id);
    if (follows !== undefined) session.messages = wayTo(session, follows);
    for (const text of contents) {
      session.parents.set(text, session.messages.at(-1) ?? '');
      session.messages.push(text);
    }
    merge(session, command.metadata ?? {});
    if (end !== undefined) {
      session.spend = addTurn(session.spend, end);
      this.#spend = addTurn(this.#spend, end);
    }
    if (lease !== undefined && command.release) {
      session.leasedUntil = 0;
      lease.released = true;
    }
    this.#touch(session);
    session.turns.set(turnId(command.turn), {
      messages: contents,
      version: session.version,
      end,
    });
    client.seen.set(command.id, session.version);
  }

  /** Takes the ids of the messages that are new. Those that are known have not changed. */
  async #learnIds(of: string, session: ModelSession | undefined): Promise<void> {
    if (session === undefined || session.messages.every((text) => session.ids.has(text))) return;
    const state = await this.#store.load(this.#key(of), { ids: true });
    const texts = textsOf(state?.messages ?? []).map(String);
    expect(texts).toEqual(session.messages);
    for (const [at, text] of texts.entries()) {
      const id = state?.ids?.[at] ?? '';
      expect([undefined, id]).toContain(session.ids.get(text));
      session.ids.set(text, id);
    }
    expect(new Set(session.ids.values()).size).toBe(session.ids.size);
  }

  #key(of: string): { owner: string; id: string } {
    return { owner: this.#owner, id: of };
  }

  #isNewest(lease: ModelLease): boolean {
    return this.#session(lease.id) === lease.of && lease.of.lease === lease;
  }

  #begin(of: string): ModelSession {
    const session: ModelSession = {
      ...{ messages: [], parents: new Map(), ids: new Map() },
      ...{ turns: new Map(), metadata: {}, spend: noSpend(), version: 0 },
      ...{ lease: undefined, leasedUntil: 0, expiresAt: Date.now() + this.#ttlMs },
    };
    this.#sessions.set(of, session);
    return session;
  }

  #session(of: string): ModelSession | undefined {
    const session = this.#sessions.get(of);
    if (session !== undefined && session.expiresAt > Date.now()) return session;
    this.#sessions.delete(of);
    return undefined;
  }

  #stored(of: string): ModelSession | undefined {
    const session = this.#session(of);
    return session?.version === 0 ? undefined : session;
  }

  #storedIds(): string[] {
    return [...this.#sessions.keys()].filter((of) => this.#stored(of) !== undefined).sort();
  }

  #touch(session: ModelSession): void {
    session.version++;
    session.expiresAt = Math.max(Date.now() + this.#ttlMs, session.leasedUntil);
  }

  #hold(session: ModelSession, ms: number): void {
    session.leasedUntil = Date.now() + ms;
    session.expiresAt = Math.max(Date.now() + this.#ttlMs, session.leasedUntil);
  }
}

const turnId = (number: number): string => `t${number}`;

function nth<T>(list: readonly T[], at: number): T | undefined {
  return list[at % list.length];
}

function textsOf(messages: readonly Message[]): unknown[] {
  return messages.map(({ content }) => content);
}

function merge(session: ModelSession, changes: Record<string, number | undefined>): void {
  const merged = Object.entries({ ...session.metadata, ...changes });
  session.metadata = Object.fromEntries(
    merged.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function chosen(
  leases: readonly ModelLease[],
  which: 'newest' | 'oldest',
  of?: string,
): ModelLease | undefined {
  const known = of === undefined ? leases : leases.filter((lease) => lease.id === of);
  return which === 'newest' ? known.at(-1) : known[0];
}

/** The result of a call: the value, or the code of the error. Any error but a `SluiceError` fails the test. */
async function answerOf<T>(promise: Promise<T>): Promise<T | string> {
  try {
    return await promise;
  } catch (error) {
    if (isSluiceError(error)) return error.code;
    throw error;
  }
}
