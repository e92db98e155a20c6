import type { Keys, Place } from './keys.ts';
import type { Owners } from './owners.ts';
import { answerOf } from './replies.ts';
import type { Answer } from './replies.ts';
import { isCrossSlot } from './server.ts';
import type { Script, Server } from './server.ts';
import { APPEND } from './session-scripts.ts';

/** What a write to a session is beside its script. */
export interface WriteOptions {
  /** The session may begin with it. */
  begins: boolean;
  /** What the append of a turn adds to the owner's sums. */
  turn?: { turnId: string; amounts: string[] } | undefined;
}

/**
 * Runs scripts on sessions. One that also changes what belongs to the owner does so in the same step, unless the server is a cluster: then
 * what is the owner's comes in steps of its own (see {@link Owners}).
 */
export class Sessions {
  readonly #server: Server;
  readonly #keys: Keys;
  readonly #owners: Owners;
  /** Whether an owner's keys and a session's cannot be in one script. It is seen at the first that is refused. */
  #split = false;
  readonly #background = new Set<Promise<void>>();

  constructor(server: Server, keys: Keys, owners: Owners) {
    this.#server = server;
    this.#keys = keys;
    this.#owners = owners;
  }

  /** Runs a script on a session alone. */
  async run(doing: string, script: Script, place: Place, args: string[]): Promise<unknown> {
    const { session, metadata } = this.#keys.session(place);
    return this.#server.run(doing, script, { keys: [session, metadata], args });
  }

  /**
   * Runs a script that may change the index of the owner. In a cluster a session that begins goes into the index before it is there, so that no crash
   * leaves one that is not, and once more behind it, as its owner may have been forgotten in between.
   */
  async write(
    doing: string,
    script: Script,
    place: Place,
    args: string[],
    { begins }: WriteOptions = { begins: false },
  ): Promise<Answer> {
    const together = await this.#together(doing, script, place, args);
    if (together !== undefined) return together;
    if (begins) await this.#register(place);
    const answer = answerOf(doing, await this.run(doing, script, place, args));
    if (begins && answer.word === 'stored') await this.#register(place);
    return answer;
  }

  /**
   * Appends. In a cluster the ticket that an append is stored with is closed behind it, once: the first one's, where its turn was stored before.
   */
  async append(
    place: Place,
    argsWith: (ticket: string) => string[],
    { begins, turn }: WriteOptions,
  ): Promise<Answer> {
    const together = await this.#together('append', APPEND, place, argsWith(''));
    if (together !== undefined) return together;
    const { owner } = place;
    for (;;) {
      const ticket = turn === undefined && !begins ? '' : await this.#register(place, turn);
      const answer = answerOf('append', await this.run('append', APPEND, place, argsWith(ticket)));
      const { word, values } = answer;
      const stored = word === 'stored' ? ticket : word === 'known' ? (values[1] ?? '') : '';
      const withdrawn = ticket === '' || stored === ticket ? [] : [ticket];
      if (stored !== '') await this.#owners.settle(owner, stored, withdrawn);
      // Whoever meets it withdraws it else.
      else if (withdrawn.length > 0) await this.#owners.settle(owner, '', withdrawn).catch(() => undefined);
      // Somebody took this writer for dead and withdrew the ticket: the append has another try, under a new one.
      if (word === 'void') continue;
      if (begins && word === 'stored') await this.#register(place);
      return answer;
    }
  }

  /** Puts a session into the index that has begun, where its script could not. */
  async list(place: Place): Promise<void> {
    if (this.#split) await this.#register(place);
  }

  /** Takes deleted sessions out of the index, where their scripts could not. */
  async unlist(owner: string, ids: readonly string[]): Promise<void> {
    if (this.#split && ids.length > 0) await this.#owners.unlist(owner, ids);
  }

  /** Waits for what nobody else does. */
  async idle(): Promise<void> {
    await Promise.all(this.#background);
  }

  /** In one step with what is the owner's; undefined in a cluster. */
  async #together(doing: string, script: Script, place: Place, args: string[]): Promise<Answer | undefined> {
    if (this.#split) return undefined;
    const { session, metadata } = this.#keys.session(place);
    const { index, recent, spend } = this.#keys.owner(place.owner);
    try {
      const keys = [session, metadata, index, recent, spend];
      const answer = answerOf(doing, await this.#server.run(doing, script, { keys, args }));
      this.#tidy(place.owner, answer.others, []);
      return answer;
    } catch (error) {
      if (!isCrossSlot(error)) throw error;
      this.#split = true;
      return undefined;
    }
  }

  async #register(place: Place, turn?: WriteOptions['turn']): Promise<string> {
    const { ticket, others, old } = await this.#owners.register(place, turn);
    this.#tidy(place.owner, others, old);
    return ticket;
  }

  /** What expired leaves an id in the index: each session that begins looks after two. Nobody waits for it, and it may fail. */
  #tidy(owner: string, others: readonly string[], old: readonly string[]): void {
    if (others.length === 0 && old.length === 0) return;
    const done = this.#owners.tidy(owner, others, old).catch(() => undefined);
    this.#background.add(done);
    void done.then(() => this.#background.delete(done));
  }
}
